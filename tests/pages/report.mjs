// What was checked, and what was found: every step is run, and all faults are told at the end.

/** Steps with their faults. */
export class Report {
  #faults = [];
  #steps = 0;
  #began = Date.now();

  /** Runs a step; what it throws, and what it tells of, are its faults. */
  async step(name, work) {
    this.#steps += 1;
    const before = this.#faults.length;
    try {
      await work((fault) => this.#faults.push(`${name}: ${fault}`));
    } catch (error) {
      this.#faults.push(`${name}: ${error.stack ?? error}`);
    }
    const seconds = ((Date.now() - this.#began) / 1000).toFixed(1);
    const count = this.#faults.length - before;
    console.log(`${seconds.padStart(5)} s  ${count ? `FAIL (${count})` : 'ok'}  ${name}`);
  }

  /** Tells the faults, and whether there were none. */
  end() {
    for (const fault of new Set(this.#faults)) console.log(`\nfault: ${fault}`);
    console.log(this.#faults.length ? `\n${this.#faults.length} faults` : '\nall passed');
    return this.#faults.length === 0 && this.#steps > 0;
  }
}
