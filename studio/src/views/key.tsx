import { useState } from "preact/hooks";
import { giveKey, keyWanted } from "../state/session";
import { text } from "../text";
import { Dialog, Failure } from "./dialog";

/** Asks for the API key when the server answers that it needs one. */
export function KeyDialog() {
  const t = text.value.key;
  const [typed, setTyped] = useState("");
  if (keyWanted.value === "no") return null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (typed.trim()) giveKey(typed.trim());
    setTyped("");
  };
  return (
    <Dialog title={t.title} closable={false} onClose={() => {}}>
      <form onSubmit={submit}>
        <p>{t.lead}</p>
        {keyWanted.value === "refused" && <Failure error={t.refused} />}
        <label class="field">
          {t.label}
          <input
            type="password"
            autocomplete="off"
            value={typed}
            onInput={(e) => setTyped(e.currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="submit" class="primary">
            {t.enter}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
