// What was checked, and what was found: every step is run, and all faults are told at the end.

/** Steps that run at once: each is a page that Chromium draws in a process of its own. */
const AT_ONCE = 3;
/** Most faults that are told. */
const MOST = 60;

/** Without what the questions of long addresses say. */
const brief = (fault) => fault.replaceAll(/(\?[^ ]{80})[^ ]+/g, '$1…').slice(0, 4000);

/** Steps with their faults. */
export class Report {
  #faults = [];
  #steps = 0;
  #began = Date.now();

  /** Runs a step; what it throws, and what it tells of, are its faults. */
  async step(name, work) {
    this.#steps += 1;
    const faults = new Set();
    try {
      await work((fault) => faults.add(fault));
    } catch (error) {
      faults.add(error.stack ?? `${error}`);
    }
    const seconds = ((Date.now() - this.#began) / 1000).toFixed(1);
    const count = faults.size;
    for (const fault of faults) this.#faults.push(`${name}: ${brief(fault)}`);
    console.log(`${seconds.padStart(5)} s  ${count ? `FAIL (${count})` : 'ok'}  ${name}`);
  }

  /** Runs steps, [name, work] each, some at once. */
  async steps(all) {
    const waiting = [...all];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.step(...next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** Tells the faults, and whether there were none. */
  end() {
    for (const fault of this.#faults.slice(0, MOST)) console.log(`\nfault: ${fault}`);
    console.log(this.#faults.length ? `\n${this.#faults.length} faults` : '\nall passed');
    return this.#faults.length === 0 && this.#steps > 0;
  }
}
