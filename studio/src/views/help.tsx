import type { ToolName } from "../canvas/tools";
import { ACTION_KEYS, type Action, sheetOpen, TOOL_KEYS } from "../shortcuts";
import { text } from "../text";
import { Dialog } from "./dialog";

const GROUPS: Record<"drawing" | "looking" | "moving", Action[]> = {
  drawing: ["undo", "redo", "smaller", "larger", "classes", "object", "absent", "copy", "between"],
  looking: ["hide", "outline", "fainter", "stronger", "tab", "correct", "accept", "right", "wrong"],
  moving: ["zoomIn", "zoomOut", "fit", "pan", "previous", "next", "first", "last", "play", "back", "help"],
};

export function HelpSheet() {
  const t = text.value.sheet;
  const tools = text.value.editor.tool;
  return (
    <Dialog title={t.title} wide onClose={() => (sheetOpen.value = false)}>
      <p>{t.lead}</p>
      <div class="sheet">
        {(Object.keys(GROUPS) as (keyof typeof GROUPS)[]).map((group) => (
          <section key={group}>
            <h3>{t[group]}</h3>
            <dl>
              {group === "drawing" &&
                (Object.keys(TOOL_KEYS) as ToolName[]).map((name) => (
                  <KeyLine key={name} keys={[TOOL_KEYS[name].toUpperCase()]} words={tools[name]} />
                ))}
              {GROUPS[group].map((action) => (
                <KeyLine key={action} keys={ACTION_KEYS[action]} words={t.keys[action]} />
              ))}
            </dl>
          </section>
        ))}
      </div>
      <h3>{t.keyboard}</h3>
      <p>{t.keyboardText}</p>
      <h3>{t.gallery}</h3>
      <p>{t.galleryText}</p>
    </Dialog>
  );
}

function KeyLine({ keys, words }: { keys: string[]; words: string }) {
  return (
    <div class="keyline">
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{words}</dd>
    </div>
  );
}
