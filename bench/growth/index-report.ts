/** What index-process.ts prints. */
export interface IndexReport {
  /** CPU time of a ping in filters, cells, index and dirty list. */
  readonly pingNs: number;
  /** Of the index, heap and arrays together. */
  readonly bytesPerDriver: number;
  /** The nearest 20 of those who are free. */
  readonly nearbyP50Us: number;
  readonly nearbyP99Us: number;
}
