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

/**
 * What went wrong with a file, in two parts: its name, and what follows it. The name is said once, also where the
 * error begins with it.
 */
export function about(name: string, error: unknown): [string, string] {
  const { errors, serverSentences, colon } = text.value;
  const message =
    typeof error === "string" ? error : error instanceof ApiError ? error.message : sentence(error);
  const own =
    error instanceof ApiError && !(serverSentences && error.status) ? errors[error.code] : undefined;
  const rest = withoutName(message, name);
  const [lead, after] = rest === null && message.includes(name) ? ["", ""] : [name, colon];
  if (own === undefined) return [lead, rest ?? after + sentenceCase(message)];
  const detail = (rest ?? message).replace(/^[:\s]+/, "");
  return [lead, after + own + (detail ? ` (${detail})` : "")];
}

/** What follows the name at the beginning of a message; null where it begins otherwise. */
function withoutName(message: string, name: string): string | null {
  // The service puts _ for what no file system takes.
  const known = [name, name.replace(/[<>:"/\\|?*]/g, "_")].find((shown) => message.startsWith(shown));
  return known === undefined ? null : message.slice(known.length);
}

/** With a capital, unless it begins with a file's name: that one is written as it is. */
function sentenceCase(message: string): string {
  const [first] = message.split(/[\s:]/, 1);
  return /[./\\_\d]/.test(first) ? message : message.charAt(0).toUpperCase() + message.slice(1);
}
