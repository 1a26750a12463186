import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['bundle', 'dist', '.tap', '.venv-bench', '.venv', '.tools'] }),
  {
    rules: {
      // A TypeBox schema and its type share a name.
      '@typescript-eslint/no-redeclare': 'off',
      // Fields of the API are in snake_case and keep their names in the code.
      camelcase: 'off',
      'comma-dangle': ['error', 'never'],
      'max-len': ['error', { code: 120, ignoreUrls: true }],
      // Comments and texts may be longer.
      '@stylistic/max-len': ['error', {
        code: 100,
        comments: 120,
        ignoreUrls: true,
        ignoreStrings: true,
        ignoreTemplateLiterals: true,
        ignoreRegExpLiterals: true
      }]
    }
  },
  {
    files: ['test/**', 'template/**'],
    rules: {
      '@stylistic/max-len': 'off'
    }
  }
]
