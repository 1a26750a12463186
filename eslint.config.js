import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.tap', '.venv'] }),
  {
    rules: {
      // A TypeBox schema and its type share one name.
      '@typescript-eslint/no-redeclare': 'off',
      // The words of the API are in snake_case, and are not renamed on their way.
      camelcase: 'off',
      'comma-dangle': ['error', 'never'],
      'max-len': ['error', { code: 140, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true }]
    }
  }
]
