import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.tap', '.venv-bench', '.venv', '.tools'] }),
  {
    rules: {
      // A TypeBox schema and its type share a name.
      '@typescript-eslint/no-redeclare': 'off',
      // Fields of the API are in snake_case and keep their names in the code.
      camelcase: 'off',
      'comma-dangle': ['error', 'never'],
      'max-len': ['error', { code: 120, ignoreUrls: true }]
    }
  },
  {
    files: ['test/**'],
    rules: {
      'max-len': ['error', {
        code: 120, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true, ignoreRegExpLiterals: true
      }]
    }
  }
]
