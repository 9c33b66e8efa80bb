import { roomForFloat64, roomForInt32 } from './workspace.ts';

/**
 * A priority queue of node numbers by tentative distance, for Dijkstra's search: 4-ary, because most of the work is
 * sinking and four children share a cache line. Between equal distances the order depends on the calls made, nothing else.
 */
export class DistanceHeap {
  /** Distance by node: Infinity when never reached, -Infinity when popped (no later path looks shorter). Read only. */
  distance: Float64Array = new Float64Array(0);
  private heap: Int32Array = new Int32Array(0);
  /** Index in `heap` by node. */
  private place: Int32Array = new Int32Array(0);
  private reached: Int32Array = new Int32Array(0);
  private size = 0;
  private reachedCount = 0;

  /** Empties the heap and makes room for the nodes 0 to `nodeCount` - 1. */
  reserve(nodeCount: number): void {
    this.clear();
    if (this.distance.length >= nodeCount) return;
    this.distance = roomForFloat64(this.distance, nodeCount).fill(Infinity);
    this.heap = roomForInt32(this.heap, nodeCount);
    this.place = roomForInt32(this.place, nodeCount);
    this.reached = roomForInt32(this.reached, nodeCount);
  }

  /** Sets a node's distance, which must be below its present one. */
  lower(node: number, distance: number): void {
    const isNew = this.distance[node] === Infinity;
    if (isNew) this.reached[this.reachedCount++] = node;
    this.distance[node] = distance;
    this.rise(node, isNew ? this.size++ : this.place[node]!);
  }

  /** The smallest distance, Infinity when empty. */
  minDistance(): number {
    return this.size > 0 ? this.distance[this.heap[0]!]! : Infinity;
  }

  /** Takes the nearest node out; -1 when empty. */
  pop(): number {
    if (this.size === 0) return -1;
    const top = this.heap[0]!;
    const last = this.heap[--this.size]!;
    if (this.size > 0) this.sink(last);
    this.distance[top] = -Infinity;
    return top;
  }

  /** Forgets all distances; costs what was reached, not the number of nodes. */
  clear(): void {
    const { distance, reached } = this;
    for (let i = 0; i < this.reachedCount; i++) distance[reached[i]!] = Infinity;
    this.size = 0;
    this.reachedCount = 0;
  }

  private rise(node: number, from: number): void {
    const { distance, heap, place } = this;
    const own = distance[node]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 2;
      const parent = heap[above]!;
      if (distance[parent]! <= own) break;
      heap[at] = parent;
      place[parent] = at;
      at = above;
    }
    heap[at] = node;
    place[node] = at;
  }

  private sink(node: number): void {
    const { distance, heap, place, size } = this;
    const own = distance[node]!;
    let at = 0;
    for (let child = 1; child < size; child = 4 * at + 1) {
      const end = Math.min(child + 4, size);
      let least = child;
      let leastDistance = distance[heap[child]!]!;
      for (let next = child + 1; next < end; next++) {
        const nextDistance = distance[heap[next]!]!;
        if (nextDistance < leastDistance) {
          leastDistance = nextDistance;
          least = next;
        }
      }
      if (leastDistance >= own) break;
      const up = heap[least]!;
      heap[at] = up;
      place[up] = at;
      at = least;
    }
    heap[at] = node;
    place[node] = at;
  }
}
