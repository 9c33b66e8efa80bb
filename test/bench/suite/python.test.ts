import { expect, test } from 'vitest';
import { pythonWith } from '../../../bench/suite/python.ts';

test('a Python that is not there, and a module that is not there, are both no', async () => {
  expect(await pythonWith(['json'], ['a-python-that-is-not-there'])).toBeNull();
  expect(await pythonWith(['json', 'a_module_that_is_not_there'])).toBeNull();
});

test('an interpreter that cannot be asked is an error, not a no', async () => {
  await expect(pythonWith(['json'], ['/'])).rejects.toThrow('cannot be asked for json');
});

test('the first that can import all of them is the answer', async () => {
  const python = await pythonWith(['json', 'os.path']);
  expect(await pythonWith(['json'], ['a-python-that-is-not-there', python ?? 'none'])).toBe(python);
});
