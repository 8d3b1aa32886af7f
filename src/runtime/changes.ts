/** Those who wait for the next change of a state. */
export class Changes {
  #waiting: (() => void)[] = [];

  /** Resolves at the next `wake`; with `ms` after so many milliseconds at the latest. */
  next(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (ms !== undefined) setTimeout(() => this.wake(), ms);
    });
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
