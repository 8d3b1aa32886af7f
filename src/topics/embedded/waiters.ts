/**
 * Waits for something to be appended: woken within the process, and by time for what other processes append.
 */
export interface Ticket {
  /** Resolves when woken, or after its time. */
  readonly done: Promise<void>;
  wake(): void;
}

export class Waiters {
  readonly #tickets = new Set<Ticket>();

  /** A ticket that wakes itself after `ms` milliseconds. */
  wait(ms: number): Ticket {
    let wake = (): void => {};
    const done = new Promise<void>((resolve) => {
      const timer = setTimeout(() => wake(), ms);
      wake = () => {
        clearTimeout(timer);
        this.#tickets.delete(ticket);
        resolve();
      };
    });
    const ticket: Ticket = { done, wake: () => wake() };
    this.#tickets.add(ticket);
    return ticket;
  }

  /** Wakes all that wait now. */
  wakeAll(): void {
    for (const ticket of [...this.#tickets]) ticket.wake();
  }
}
