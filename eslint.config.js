import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.tap', 'test/labs/.*'] }),
  {
    rules: {
      // A TypeBox schema and its type share one name.
      '@typescript-eslint/no-redeclare': 'off',
      'comma-dangle': ['error', 'never'],
      'max-len': ['error', { code: 140, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true }]
    }
  }
]
