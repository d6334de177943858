// From texts to ids in JavaScript, without Python: a port of what an export's README.md says.
//
//   node ids.mjs EXPORTED < texts.txt     prints what `dssm tokenize --json` prints
//   node ids.mjs EXPORTED --check         compares with EXPORTED/texts.jsonl

import { readFileSync } from "node:fs";
import { argv, exit, stdin } from "node:process";
import { pathToFileURL } from "node:url";

const APOSTROPHES = "'’ʼ`´";
const SIGNS = "%&";

// The classes of characters, and what they say of signs: README.md, "From a text to ids".
const THOUSANDS = /(?<!d)(?<!d[.,])dd?d?(?:,ddd)+(?!,?d)/g;
const IN_NUMBERS = [/(?<=d)\.(?=d)/g, /(?:^|(?<=[ ,m+]))(?:-\.?|\.)(?=d)/g];
const DOTTED = /(?:^|(?<=[ ,m+]))\.(?=[axnet])|(?<=[axnet#])\.(?=net(?![daxnet]))/g;
const PLUS_PLUS = /(?<=[axnet])\+\+(?!\+)/g;
const PLUS = /(?<=[axnet])\+(?![daxnetwsmf+])/g;
const SHARP = /(?<![daxnet#])[axnet]#(?![daxnet#])/g;
const FLAG = /ff/g;
const MEASURE = /(?<![daxnetN])([dN]+)([axnet]+)(?![daxnetN])/g;
const SIZES = /(?<![daxnetN])[dN]+(?:x[dN]+)+[axnet]*(?![daxnetN])/g;
const PARTS = /[dN]+|x(?=[dN])|[axnet]+/g;

export class Tokenizer {
  constructor(settings, vocabulary, words = "", chinese = "") {
    this.settings = settings;
    const pairs = lines(chinese).filter((line) => !line.startsWith("#"));
    this.chinese = new Map(pairs.map((line) => line.split("\t")));
    this.ids = new Map(lines(vocabulary).map((feature, i) => [feature, i + 1]));
    this.words = new Map();
    for (const line of lines(words)) {
      const [word, score] = line.split("\t");
      this.words.set(word, Number(score));
    }
    this.longest = Math.max(0, ...[...this.words.keys()].map((word) => [...word].length));
  }

  static of(folder) {
    const read = (name) => readFileSync(`${folder}/${name}`, "utf-8");
    const settings = JSON.parse(read("settings.json"));
    const worded = settings.max_chars !== null;
    const words = worded ? read("words.txt") : "";
    return new Tokenizer(settings, read("vocab.txt"), words, settings.fold_chinese ? read("chinese.txt") : "");
  }

  // A text's units, each with its features and their ids.
  describe(text) {
    return this.units(text).map((unit) => {
      const features = this.features(unit);
      return { unit, features, ids: features.map((feature) => this.id(feature)) };
    });
  }

  units(text) {
    const { tokenizer, max_units, max_unit_chars, normalization } = this.settings;
    const spaced = normalization > 1 ? this.signed(this.normalized(text)) : this.spaced(normalized(text));
    let units = spaced.split(" ").filter((unit) => unit);
    if (tokenizer === "jieba") units = this.limited(units).flatMap((run) => this.words_of(run));
    if (tokenizer === "sentencepiece")
      units = this.pieces_of(this.limited(units).map((run) => "▁" + run).join(""));
    return units.slice(0, max_units).map((unit) => [...unit].slice(0, max_unit_chars).join(""));
  }

  // Puts spaces around units, or around the runs that are cut by words.
  spaced(text) {
    let out = "";
    for (const char of text) {
      if (APOSTROPHES.includes(char)) continue;
      const sign = SIGNS.includes(char);
      if (/[\p{P}\p{Z}\p{C}]/u.test(char) && !sign) {
        out += " ";
        continue;
      }
      const letter = plain(char);
      out += sign || /\p{S}/u.test(char) || this.alone(char) ? ` ${letter} ` : letter;
    }
    return out;
  }

  // The second version of the normalisation.
  normalized(text) {
    const dropped = (char) => {
      const code = char.codePointAt(0);
      return /\p{Me}/u.test(char) || this.settings.dropped.some(([first, last]) => first <= code && code <= last);
    };
    const clean = [...text].filter((char) => !dropped(char)).join("");
    const spaced = clean.replace(/[\p{Cc}\p{Cf}]/gu, control).replace(/(?<=[0-9０-９])(?=[¼-¾⅐-⅟↉])/g, " ");
    // The lower case of İ has a dot above its i, which has one already.
    return [...normalized(spaced).replace(/i\u0307+/g, "i").normalize("NFKC")]
      .map((char) => ("‐‒–−".includes(char) ? "-" : "⁄∕".includes(char) ? "/" : (this.chinese.get(char) ?? char)))
      .join("")
      .replace(/[\t-\r\x1c-\x1f\x85\p{Z}]+/gu, " ")
      .replace(/^ | $/g, "");
  }

  class_of(char) {
    if (".,-+#".includes(char)) return char;
    if (APOSTROPHES.includes(char)) return "'";
    const sign = SIGNS.includes(char);
    if (/[\p{P}\p{Z}\p{C}]/u.test(char) && !sign) return /[\p{Z}\p{Ps}\p{Pi}:;/]/u.test(char) ? " " : "p";
    if (sign || /\p{S}/u.test(char)) return /\p{Sm}/u.test(char) ? "m" : /[🇦-🇿]/u.test(char) ? "f" : "s";
    if (/[0-9]/.test(char)) return "d";
    if (this.unspaced(char)) return "w";
    const letter = plain(char);
    return "xnet".includes(letter) ? letter : "a";
  }

  // Puts spaces around units, as `spaced` does; signs that belong to a number or a name stay there.
  signed(text) {
    const read = [...text].map((char) => ({ char, is: this.class_of(char) }));
    read.forEach((each, i) => {
      if (each.is === "'" && i && read[i - 1].is === "d") read[i] = { char: ",", is: "," };
    });
    const chars = read.filter(({ is }) => is !== "'");
    const classes = chars.map(({ is }) => is).join("");
    const roles = [...classes];
    const breaks = new Set();
    const each = (pattern, found) => {
      for (const match of classes.matchAll(pattern)) found(match.index, match.index + match[0].length);
    };
    const write = (first, end, sign, role) => {
      for (let i = first; i < end; i++) if (sign.test(classes[i])) roles[i] = role;
    };
    each(THOUSANDS, (first, end) => write(first, end, /,/, "N"));
    for (const pattern of IN_NUMBERS) each(pattern, (first, end) => write(first, end, /./, "N"));
    for (const pattern of [DOTTED, PLUS_PLUS, PLUS, SHARP])
      each(pattern, (first, end) => write(first, end, /[.+#]/, "|"));
    each(DOTTED, (first) => breaks.add(first));
    each(PLUS_PLUS, (_, end) => breaks.add(end));
    each(FLAG, (first, end) => {
      write(first, end, /f/, "j");
      breaks.add(first).add(end);
    });
    const written = roles.join("");
    for (const match of written.matchAll(MEASURE)) breaks.add(match.index + match[1].length);
    for (const sizes of written.matchAll(SIZES))
      for (const part of sizes[0].matchAll(PARTS)) if (part.index) breaks.add(sizes.index + part.index);
    const single = this.settings.tokenizer === "char";
    return chars
      .map(({ char, is }, i) => {
        const before = breaks.has(i) ? " " : "";
        if (roles[i] === is) return before + (char === "×" ? " x " : this.spaced(char));
        if (is === "f") return before + char;
        if (is === ",") return before;
        return before + (single ? ` ${char} ` : char);
      })
      .join("");
  }

  alone(char) {
    const { tokenizer } = this.settings;
    if (tokenizer === "char") return true;
    return ["auto", "word"].includes(tokenizer) && this.unspaced(char);
  }

  unspaced(char) {
    const code = char.codePointAt(0);
    return this.settings.unspaced.some(([first, last]) => first <= code && code <= last);
  }

  features(unit) {
    const { tokenizer } = this.settings;
    if (["char", "word", "sentencepiece"].includes(tokenizer)) return [unit];
    const chars = [...unit];
    if (tokenizer === "jieba" && chars.some((char) => this.unspaced(char))) return [unit];
    const letter = /[\p{L}\p{N}]/u.test(unit) && !this.unspaced(chars[0]);
    if (tokenizer !== "trigram" && chars.length === 1 && !letter) return [unit];
    const marked = ["#", ...chars, "#"];
    return chars.map((_, i) => marked.slice(i, i + 3).join(""));
  }

  id(feature) {
    const { listed, buckets } = this.settings;
    return this.ids.get(feature) ?? 1 + listed + (crc32(feature) % buckets);
  }

  // The first characters of a text's runs, as many as are cut.
  limited(runs) {
    let room = this.settings.max_chars;
    return runs.flatMap((run) => {
      const kept = [...run].slice(0, room);
      room -= kept.length;
      return kept.length ? [kept.join("")] : [];
    });
  }

  // jieba's way: the best path from each character on, of equal ones that with the longer word.
  words_of(run) {
    const chars = [...run];
    const best = new Array(chars.length + 1).fill(0);
    const next = new Array(chars.length);
    for (let i = chars.length - 1; i >= 0; i--) {
      const found = this.candidates(chars, i);
      const several = found.some(([length]) => length > 1);
      if (!this.words.has(chars[i]) && !several) found.push([1, this.words.get("")]);
      best[i] = -Infinity;
      for (const [length, score] of found)
        if (score + best[i + length] >= best[i]) {
          best[i] = score + best[i + length];
          next[i] = length;
        }
    }
    const words = [];
    let joins = false;
    for (let i = 0; i < chars.length; i += next[i]) {
      const lone = next[i] === 1 && !this.unspaced(chars[i]);
      const word = chars.slice(i, i + next[i]).join("");
      if (lone && joins) words[words.length - 1] += word;
      else words.push(word);
      joins = lone;
    }
    return words;
  }

  // Listed words that begin at a character, as [length, score], the shortest first.
  candidates(chars, i) {
    const found = [];
    for (let length = 1; length <= Math.min(this.longest, chars.length - i); length++) {
      const score = this.words.get(chars.slice(i, i + length).join(""));
      if (score !== undefined) found.push([length, score]);
    }
    return found;
  }

  // sentencepiece's way: the best path up to each character, in float32.
  pieces_of(text) {
    const chars = [...text];
    const best = [0];
    const before = [0];
    for (let end = 1; end <= chars.length; end++) {
      best[end] = -Infinity;
      for (let length = 1; length <= Math.min(Math.max(this.longest, 1), end); length++) {
        const piece = chars.slice(end - length, end).join("");
        const score = this.words.get(piece) ?? (length === 1 ? this.words.get("") : undefined);
        if (score === undefined) continue;
        const total = Math.fround(best[end - length] + Math.fround(score));
        if (total >= best[end]) {
          best[end] = total;
          before[end] = end - length;
        }
      }
    }
    const pieces = [];
    for (let end = chars.length; end > 0; end = before[end])
      pieces.unshift(chars.slice(before[end], end).join(""));
    return pieces;
  }
}

function plain(char) {
  const base = [...char.normalize("NFKD")][0];
  return /[A-Za-z]/.test(base) ? base : char;
}

function control(char) {
  return /[\t-\r\x1c-\x1f\x85]/.test(char) ? char : "";
}

function normalized(text) {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, control);
  return clean.normalize("NFKC").toLowerCase().normalize("NFKC");
}

function crc32(text) {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function lines(text) {
  return text.split("\n").slice(0, -1);
}

// The model's inputs for texts: each distinct unit has one row of features, row 0 is padding.
export function inputs(texts) {
  const rows = new Map();
  const features = [[0]];
  const units = texts.map((text) =>
    text.units.map(({ unit, ids }) => {
      if (!rows.has(unit)) rows.set(unit, features.push(ids) - 1);
      return rows.get(unit);
    }),
  );
  return { features: filled(features), units: filled(units) };
}

function filled(rows) {
  const width = Math.max(0, ...rows.map((row) => row.length));
  const data = new BigInt64Array(rows.length * width);
  rows.forEach((row, i) => row.forEach((id, k) => (data[i * width + k] = BigInt(id))));
  return { data, dims: [rows.length, width] };
}

function check(folder, tokenizer) {
  const texts = lines(readFileSync(`${folder}/texts.jsonl`, "utf-8")).map((line) => JSON.parse(line));
  const wrong = texts.filter(
    ({ text, units }) => JSON.stringify(tokenizer.describe(text)) !== JSON.stringify(units),
  );
  for (const { text } of wrong) console.log(`differs\t${JSON.stringify(text).slice(0, 80)}`);
  console.log(`${texts.length - wrong.length} of ${texts.length} texts have the same ids`);
  exit(wrong.length ? 1 : 0);
}

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) {
  const tokenizer = Tokenizer.of(argv[2]);
  if (argv.includes("--check")) check(argv[2], tokenizer);
  for (const text of lines(readFileSync(stdin.fd, "utf-8")))
    console.log(JSON.stringify({ text, units: tokenizer.describe(text) }));
}
