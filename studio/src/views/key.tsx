import { useState } from "preact/hooks";
import { giveKey, giveNoKey, keyWanted } from "../state/session";
import { text } from "../text";
import { Dialog, Failure } from "./dialog";

/** Asks for the API key when the server answers that it needs one. */
export function KeyDialog() {
  const t = text.value.key;
  const [typed, setTyped] = useState("");
  const wanted = keyWanted.value;
  if (wanted === "no") return null;
  const admin = wanted === "admin";
  const submit = (event: Event) => {
    event.preventDefault();
    if (typed.trim()) giveKey(typed.trim());
    setTyped("");
  };
  return (
    <Dialog title={admin ? t.adminTitle : t.title} closable={admin} onClose={admin ? giveNoKey : () => {}}>
      <form onSubmit={submit}>
        <p>{admin ? t.adminLead : t.lead}</p>
        {wanted === "refused" && <Failure error={t.refused} />}
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
