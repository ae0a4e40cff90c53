import { useEffect } from "preact/hooks";
import { paths, route } from "../route";
import { sheetOpen } from "../shortcuts";
import { project } from "../state/project";
import { hasUnsaved, saveAll } from "../state/saver";
import { dismiss, notices, online, spoken, type Theme, theme } from "../state/session";
import { chooseLanguage, LANGUAGES, type Language, language, text } from "../text";
import { Compare } from "./compare";
import { Editor } from "./editor";
import { HelpSheet } from "./help";
import { Icon } from "./icon";
import { KeyDialog } from "./key";
import { Measures } from "./measures";
import { Packs } from "./packs";
import { ProjectPage } from "./project";
import { Projects } from "./projects";
import { FrameSlider } from "./slider";
import { UploadChip } from "./uploads";

export function App() {
  useEffect(() => {
    const leave = (event: BeforeUnloadEvent) => {
      if (hasUnsaved()) event.preventDefault();
    };
    const hidden = () => document.visibilityState === "hidden" && void saveAll();
    addEventListener("beforeunload", leave);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      removeEventListener("beforeunload", leave);
      document.removeEventListener("visibilitychange", hidden);
    };
  }, []);
  const t = text.value;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        {t.skip}
      </button>
      <Header />
      {!online.value && (
        <p class="banner" role="alert">
          <Icon name="warning" />
          {t.offline}
        </p>
      )}
      <main id="main" tabIndex={-1} class={route.value.page}>
        <Page />
      </main>
      <Notices />
      <p class="unseen" role="status" aria-live="polite">
        {spoken.value}
      </p>
      {sheetOpen.value && <HelpSheet />}
      <KeyDialog />
    </>
  );
}

function Page() {
  const at = route.value;
  switch (at.page) {
    case "projects":
      return <Projects />;
    case "packs":
      return <Packs />;
    case "project":
      return <ProjectPage key={at.project} id={at.project} />;
    case "image":
      return (
        <>
          <Editor key={at.image} projectId={at.project} imageId={at.image} />
          <FrameSlider key="frames" imageId={at.image} />
        </>
      );
    case "compare":
      return <Compare key={at.project} id={at.project} />;
    case "measures":
      return <Measures key={at.project} id={at.project} />;
  }
}

function Header() {
  const t = text.value;
  const at = route.value;
  const open = at.page === "projects" || at.page === "packs" ? null : project.value;
  return (
    <header class="top">
      <a class="brand" href={paths.projects} aria-label={`${t.app}: ${t.home}`}>
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <circle class="full" cx="12" cy="13" r="6" />
          <circle class="like" cx="23" cy="21" r="4.5" />
        </svg>
        <b>cuecast</b>
      </a>
      {open && (
        <a class="crumb" href={paths.project(open.id)}>
          {open.name}
        </a>
      )}
      <span class="space" />
      <UploadChip />
      <a class="quiet" href={paths.packs} aria-current={at.page === "packs" ? "page" : undefined}>
        {t.packs.title}
      </a>
      <label class="choice">
        <span class="unseen">{t.languageLabel}</span>
        <select value={language.value} onChange={(e) => chooseLanguage(e.currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, words]) => (
            <option key={code} value={code} lang={code}>
              {words.language}
            </option>
          ))}
        </select>
      </label>
      <label class="choice">
        <span class="unseen">{t.themeLabel}</span>
        <select value={theme.value} onChange={(e) => (theme.value = e.currentTarget.value as Theme)}>
          {(["auto", "light", "dark"] as const).map((name) => (
            <option key={name} value={name}>
              {t.themes[name]}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="quiet"
        aria-label={t.help}
        title={`${t.help} (?)`}
        onClick={() => (sheetOpen.value = true)}
      >
        <Icon name="help" />
      </button>
    </header>
  );
}

function Notices() {
  const t = text.value;
  return (
    <div class="notices" role="log" aria-live="polite">
      {notices.value.map(({ id, kind, text: said }) => (
        <p key={id} class={`notice ${kind}`}>
          <span>{said}</span>
          <button type="button" class="quiet" aria-label={t.close} onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  );
}
