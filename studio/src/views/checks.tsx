import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { paths } from "../route";
import { text } from "../text";
import type { CheckResult, ImageInfo, Project } from "../wire";
import { Dialog } from "./dialog";
import { Thumb } from "./picture";

interface ChecksProps {
  project: Project;
  result: CheckResult;
  onClose: () => void;
}

/** What the examples say of each other, in plain words, beside their pictures. */
export function ChecksDialog({ project, result, onClose }: ChecksProps) {
  const t = text.value.checks;
  const found = result.leave_one_out;
  return (
    <Dialog title={t.title} wide onClose={onClose}>
      {!found && <p>{t.tooFew}</p>}
      {found && (
        <>
          <p class="soft">{t.lead}</p>
          {found.iou !== null && <p>{t.overall(found.iou)}</p>}
          {!found.flags.length && <p>{t.fine}</p>}
          <p>{found.more_helps === null ? t.moreUnknown : found.more_helps ? t.moreHelps : t.moreEnough}</p>
          <ul class="checks">
            {sorted(found).map((line) => (
              <CheckLine key={line.image} project={project} line={line} onOpen={onClose} />
            ))}
          </ul>
        </>
      )}
      {result.findings.length > 0 && (
        <>
          <h3>{t.findings}</h3>
          <ul>
            {result.findings.map(({ entry, reason, remedy }) => (
              <li key={entry + reason}>
                <b>{entry}</b>: {reason}; {remedy}
              </li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}

type Found = NonNullable<CheckResult["leave_one_out"]>;

/** What is flagged first, then those that agree least. */
function sorted(found: Found) {
  const lines = found.cues.map((cue) => ({
    ...cue,
    flags: found.flags.filter(({ image }) => image === cue.image),
  }));
  return lines.sort((a, b) => b.flags.length - a.flags.length || (a.iou ?? 1) - (b.iou ?? 1));
}

type Line = ReturnType<typeof sorted>[number];

interface LineProps {
  project: Project;
  line: Line;
  onOpen: () => void;
}

function CheckLine({ project, line: { image: name, image_id: id, iou, flags }, onOpen }: LineProps) {
  const t = text.value;
  const [image, setImage] = useState<ImageInfo | null>(null);
  useEffect(() => {
    if (id) api.image(project.id, id).then(setImage, () => {}); // deleted since: the line stays without a picture
  }, [id]);
  return (
    <li class={flags.length ? "flagged" : ""}>
      {image ? (
        <a href={paths.image(project.id, image.id)} onClick={onOpen} aria-label={t.checks.open(name)}>
          <Thumb project={project.id} image={image} classes={project.classes} />
        </a>
      ) : (
        <div class="thumb" />
      )}
      <div>
        <b>{name}</b> <span class="soft">{iou === null ? t.checks.notAsked : t.checks.agrees(iou)}</span>
        {flags.map(({ kind, reason }) => (
          <p key={kind} title={reason}>
            {t.checks.flags[kind]}
          </p>
        ))}
      </div>
    </li>
  );
}
