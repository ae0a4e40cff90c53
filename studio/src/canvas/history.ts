/** Steps that can be taken back and done again; the oldest is forgotten when there are more than LIMIT. */

export const LIMIT = 50;

export class History<T> {
  private past: T[] = [];
  private future: T[] = [];

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  push(step: T): void {
    this.past.push(step);
    if (this.past.length > LIMIT) this.past.shift();
    this.future = [];
  }

  /** The step that is to be taken back. */
  undo(): T | undefined {
    const step = this.past.pop();
    if (step !== undefined) this.future.push(step);
    return step;
  }

  /** The step that is to be done again. */
  redo(): T | undefined {
    const step = this.future.pop();
    if (step !== undefined) this.past.push(step);
    return step;
  }
}
