/** The words of the page, in the language that was chosen. */

import { computed, effect, signal } from "@preact/signals";
import { ApiError, OfflineError } from "../api";
import { en, type Text } from "./en";
import { zh } from "./zh";

export const LANGUAGES = { en, zh } satisfies Record<string, Text>;
export type Language = keyof typeof LANGUAGES;

const KEY = "cuecast-language";

function preferred(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept && kept in LANGUAGES) return kept as Language;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(preferred());
export const text = computed<Text>(() => LANGUAGES[language.value]);

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(KEY, chosen);
  language.value = chosen;
}

/** An error as a sentence for a person. */
export function sentence(error: unknown): string {
  const { errors, serverSentences } = text.value;
  if (error instanceof OfflineError) return errors.offline;
  if (!(error instanceof ApiError))
    return `${errors.unexpected} ${error instanceof Error ? error.message : ""}`;
  const own = errors[error.code];
  if (!own) return sentenceCase(error.message);
  return serverSentences && error.status ? sentenceCase(error.message) : `${own} (${error.message})`;
}

function sentenceCase(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
