import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { go, paths } from "../route";
import { sentence, text } from "../text";
import { Icon } from "./icon";

interface DialogProps {
  title: string;
  onClose: () => void;
  wide?: boolean;
  /** False: the person has to answer, there is no closing. */
  closable?: boolean;
  children: ComponentChildren;
}

/** A modal window: the browser keeps the focus in it and gives it back. */
export function Dialog({ title, onClose, wide = false, closable = true, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const label = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    if (closable) onClose();
  };
  return (
    <dialog ref={dialog} class={wide ? "dialog wide" : "dialog"} aria-labelledby={label} onCancel={cancel}>
      <header>
        <h2 id={label}>{title}</h2>
        {closable && (
          <button type="button" class="quiet" aria-label={text.value.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <div class="body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  body: string;
  action: string;
  onConfirm: () => void;
  onClose: () => void;
}

export function Confirm({ title, body, action, onConfirm, onClose }: ConfirmProps) {
  const confirm = () => {
    onClose();
    onConfirm();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{body}</p>
      <div class="actions">
        <button type="button" onClick={onClose}>
          {text.value.cancel}
        </button>
        <button type="button" class="danger" onClick={confirm}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}

/** A failure beside what failed, read out at once. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  if (!error) return null;
  return (
    <p class="failure" role="alert">
      <Icon name="warning" />
      <span>{typeof error === "string" ? error : sentence(error)}</span>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          {text.value.tryAgain}
        </button>
      )}
    </p>
  );
}

interface ProgressProps {
  label: string;
  done: number;
  /** 0: it is not known how much there is. */
  all: number;
}

export function Progress({ label, done, all }: ProgressProps) {
  return <progress class="progress" aria-label={label} max={all || 1} {...(all ? { value: done } : {})} />;
}

/** Shown where a page cannot be: a project or picture that is not there. */
export function Gone({ message }: { message: string }) {
  return (
    <div class="gone" role="alert">
      <p>{message}</p>
      <button type="button" class="primary" onClick={() => go(paths.projects)}>
        {text.value.home}
      </button>
    </div>
  );
}
