import { useState } from "preact/hooks";
import { api } from "../api";
import { paths } from "../route";
import { removeImages } from "../state/gallery";
import { countVerdicts, reloadProject } from "../state/project";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import type { ClassInfo, ImageInfo } from "../wire";
import { CountBadge, MarkBadge, OtherBadges, PeopleBadge, stateInWords, Verdict } from "./badges";
import { ChooseBox, choosesByClick } from "./chosen";
import { Confirm } from "./dialog";
import { Icon } from "./icon";
import { Thumb } from "./picture";

interface CardProps {
  project: string;
  image: ImageInfo;
  classes: readonly ClassInfo[];
}

export function ImageCard({ project, image, classes }: CardProps) {
  const t = text.value;
  const [asked, setAsked] = useState(false);
  const remove = async () => {
    try {
      await api.deleteImage(project, image.id);
      removeImages([image.id]);
      await Promise.all([reloadProject(), countVerdicts()]);
    } catch (error) {
      notify(sentence(error), "error");
    }
  };
  return (
    <li class="card">
      <a
        class="open"
        href={paths.image(project, image.id)}
        data-image={image.id}
        aria-label={t.gallery.open(image.name, stateInWords(image))}
        onClick={(event) => choosesByClick(event, image.id)}
      >
        <Thumb project={project} image={image} classes={classes} />
      </a>
      <ChooseBox image={image} />
      <div class="words">
        <b class="name" title={image.name}>
          {image.name}
        </b>
        <Verdict image={image} />
        <span class="badges">
          <MarkBadge image={image} />
          <CountBadge image={image} />
          <PeopleBadge image={image} />
          <OtherBadges image={image} />
        </span>
        {image.index === null && (
          <span class="cardtools">
            <button
              type="button"
              class="quiet"
              title={t.remove}
              aria-label={t.gallery.delete(image.name)}
              onClick={() => setAsked(true)}
            >
              <Icon name="trash" />
            </button>
          </span>
        )}
      </div>
      {asked && (
        <Confirm
          title={t.gallery.deleteTitle(image.name)}
          body={t.gallery.deleteText}
          action={t.remove}
          onConfirm={() => void remove()}
          onClose={() => setAsked(false)}
        />
      )}
    </li>
  );
}
