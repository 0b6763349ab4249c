/** Yes-or-no questions, one at a time, answered in ui/QuestionDialog.svelte. */

export interface Question {
  title: string;
  body: string;
  /** Shown verbatim in a box: a link, text for the clipboard. */
  quote?: string;
  yes: string;
  no: string;
}

export class Questions {
  current: Question | undefined = $state.raw();
  #answer: ((yes: boolean) => void) | undefined;

  /**
   * Resolves with the answer. While another question is open it resolves false at once: what the guest triggers must
   * not be able to queue dialogs.
   */
  ask(question: Question): Promise<boolean> {
    if (this.current) return Promise.resolve(false);
    this.current = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(yes: boolean): void {
    const answer = this.#answer;
    this.current = undefined;
    this.#answer = undefined;
    answer?.(yes);
  }
}
