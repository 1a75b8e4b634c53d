// Loading the page anew. Which pages elsewhere may be among the adverts is in the policy that the page was loaded with; a
// campaign that brings another is served with another policy, and only a page that is loaded then has it.

const PATIENCE = 900; // ms

export class Anew {
  /** Whether the page is to be loaded anew before the next play. */
  due = false;

  /** Whether an address that is blocked here would be let in after loading anew, which then is due; once for a version of
   * the campaign. The play keeps its id, under which the server remembers what it chose. */
  async helps(address, play, version) {
    try {
      if (sessionStorage.anew === version || !(await served()).includes(new URL(address).origin)) return false;
      sessionStorage.anew = version;
      sessionStorage.play = play;
    } catch {
      return false; // the server is away, or nothing can be remembered
    }
    this.due = true;
    return true;
  }

  /** The id of the play that was asked for before the page was loaded anew, once; null where there was none. */
  play() {
    try {
      const play = sessionStorage.play ?? null;
      delete sessionStorage.play;
      return play;
    } catch {
      return null;
    }
  }
}

/** Origins in the policy of the page as the server has it now. */
async function served() {
  const page = await fetch("/display", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  const words = (page.headers.get("Content-Security-Policy") ?? "").split(/[\s;]+/);
  return words.filter((word) => word.includes("//")).map((word) => new URL(word).origin);
}
