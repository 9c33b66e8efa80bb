/**
 * `array` when it has room for `length` elements, else a new one of at least twice the size. What it held is not carried
 * over: a workspace is filled anew by each use. Doubling keeps the number of allocations logarithmic in the largest use.
 */
export function roomForInt32(array: Int32Array, length: number): Int32Array {
  return array.length >= length ? array : new Int32Array(Math.max(length, array.length * 2));
}

/** As `roomForInt32`, for 64-bit floats. */
export function roomForFloat64(array: Float64Array, length: number): Float64Array {
  return array.length >= length ? array : new Float64Array(Math.max(length, array.length * 2));
}
