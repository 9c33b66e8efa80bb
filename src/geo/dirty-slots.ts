/** The drivers changed since the last flush: each slot at most once, so never longer than the index. First marked, first out. */
export class DirtySlots {
  private marked = new Uint8Array(0);
  private ring = new Int32Array(0);
  private head = 0;
  private size = 0;

  get count(): number {
    return this.size;
  }

  /** Makes room for slots below `capacity`; the index calls it before it hands out new ones. */
  grow(capacity: number): void {
    const marked = new Uint8Array(capacity);
    marked.set(this.marked);
    const ring = new Int32Array(capacity);
    for (let i = 0; i < this.size; i++) ring[i] = this.ring[(this.head + i) % this.ring.length]!;
    this.marked = marked;
    this.ring = ring;
    this.head = 0;
  }

  mark(slot: number): void {
    if (this.marked[slot] === 1) return;
    this.marked[slot] = 1;
    let tail = this.head + this.size++;
    if (tail >= this.ring.length) tail -= this.ring.length;
    this.ring[tail] = slot;
  }

  /** The slot marked longest ago, or -1. It may have been freed or reused since: the index knows. */
  take(): number {
    if (this.size === 0) return -1;
    const slot = this.ring[this.head]!;
    this.marked[slot] = 0;
    this.size--;
    if (++this.head === this.ring.length) this.head = 0;
    return slot;
  }
}
