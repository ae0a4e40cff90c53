import { text } from "../text";
import type { Project } from "../wire";
import { Progress } from "./dialog";

/** How many pictures of a project are checked. */
export function Checked({ project }: { project: Project }) {
  const t = text.value.checking;
  return (
    <div class="checked">
      <Progress label={t.progress} done={project.checked} all={project.images} />
      <p class="soft" role="status">
        {t.count(project.checked, project.images)}
      </p>
    </div>
  );
}
