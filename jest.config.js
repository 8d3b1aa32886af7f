/** Jest runs the TypeScript sources as ES modules; Dawn needs NODE_OPTIONS=--experimental-vm-modules. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  // What docs/examples import: the library itself.
  moduleNameMapper: { '^swirl-rl$': '<rootDir>/src/index.ts' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  globalSetup: '<rootDir>/scripts/jest-setup.js',
  testSequencer: '<rootDir>/scripts/test/sequencer.js',
  reporters: [
    'default',
    '<rootDir>/scripts/count-reporter.js',
    '<rootDir>/scripts/test/progress-reporter.js',
    ...(process.env.SWIRL_TEST_RECORD === undefined ? [] : ['<rootDir>/scripts/test/record-reporter.js']),
  ],
  // The end of a test that hangs. Tests wait for causes, not for times (test/patience.ts).
  testTimeout: 1_200_000,
};
