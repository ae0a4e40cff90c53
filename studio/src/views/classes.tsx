import { useState } from "preact/hooks";
import { chosenClass, saveClasses } from "../state/project";
import { text } from "../text";
import type { ClassInfo, Project } from "../wire";
import { Failure } from "./dialog";
import { Icon } from "./icon";

/** The classes of a project: which one is drawn with, their names and colours. */
export function ClassEditor({ project }: { project: Project }) {
  const t = text.value.editor;
  const [error, setError] = useState<unknown>(null);
  const { classes } = project;
  const several = classes.length > 1;
  const save = (changed: ClassInfo[]) => {
    setError(null);
    saveClasses(changed).catch(setError);
  };
  const change = (id: number, changes: Partial<ClassInfo>) =>
    save(classes.map((c) => (c.id === id ? { ...c, ...changes } : c)));
  const add = () =>
    save([...classes, { id: 0, name: freeName(classes, t.newClass), colour: "", threshold: null }]);
  return (
    <>
      <ul class="classes">
        {classes.map((c, k) => (
          <li key={c.id} class={several && c.id === chosenClass.value ? "chosen" : ""}>
            {several && (
              <input
                type="radio"
                name="class"
                aria-label={t.chooseClass(c.name)}
                title={k < 9 ? `${t.chooseClass(c.name)} (${k + 1})` : t.chooseClass(c.name)}
                checked={c.id === chosenClass.value}
                onChange={() => (chosenClass.value = c.id)}
              />
            )}
            <input
              type="color"
              aria-label={t.classColour(c.name)}
              value={c.colour}
              onChange={(e) => change(c.id, { colour: e.currentTarget.value })}
            />
            <input
              class="classname"
              aria-label={t.className}
              value={c.name}
              maxLength={200}
              onChange={(e) => {
                const name = e.currentTarget.value.trim();
                if (name && name !== c.name) change(c.id, { name });
                else e.currentTarget.value = c.name;
              }}
              onKeyDown={(e) => e.key === "Enter" && e.currentTarget.blur()}
            />
            <input
              type="number"
              class="threshold"
              aria-label={t.classThreshold(c.name)}
              title={t.classThreshold(c.name)}
              min="0.01"
              max="1"
              step="0.01"
              placeholder="–"
              value={c.threshold ?? ""}
              onChange={(e) => {
                const { value, valueAsNumber: wanted } = e.currentTarget;
                if (value === "" || (wanted > 0 && wanted <= 1)) {
                  change(c.id, { threshold: value === "" ? null : wanted });
                } else e.currentTarget.value = String(c.threshold ?? "");
              }}
            />
            {several && (
              <button
                type="button"
                class="quiet"
                aria-label={t.deleteClass(c.name)}
                title={t.deleteClass(c.name)}
                onClick={() => save(classes.filter((o) => o.id !== c.id))}
              >
                <Icon name="close" />
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" class="link" onClick={add}>
        <Icon name="plus" />
        {t.addClass}
      </button>
      <Failure error={error} />
    </>
  );
}

function freeName(classes: readonly ClassInfo[], name: (n: number) => string): string {
  let n = classes.length + 1;
  while (classes.some((c) => c.name === name(n))) n++;
  return name(n);
}
