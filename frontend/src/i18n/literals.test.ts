import ts from "typescript";
import { expect, it } from "vitest";

const files = import.meta.glob<string>("../**/*.tsx", { query: "?raw", import: "default", eager: true });
const source = Object.entries(files).filter(([path]) => !path.includes(".test.") && !path.includes("/testing/"));

/** Attributes that people read or hear. */
const SPOKEN =
  /^(aria-(label|description|placeholder|roledescription|valuetext)|title|placeholder|alt|label|hint|explanation|none|action|summary|text|name)$/;

/** What is the same in every language: names, and a word of the API that somebody types. */
const ALIKE = new Set(["ChakraVue", "SHA-256:", "patient.read"]);
const isKept = (text: string) => ALIKE.has(text.trim());

/** `name` is read on a chart alone; everywhere else it is a field's or a form's. */
const isSpoken = (attribute: string, element: string) =>
  SPOKEN.test(attribute) && (attribute !== "name" || /^(Area|Bar|Line)$/.test(element));

/** The texts in a file that stand on a page without going through the languages. */
function literals(path: string, text: string): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const say = (node: ts.Node, words: string) => {
    if (!/\p{L}{2}/u.test(words) || isKept(words)) return;
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${path}:${line + 1}: ${words.trim()}`);
  };
  /** Strings that an expression may become: not those that it compares, calls with, or looks up. */
  const strings = (node: ts.Expression): void => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) say(node, node.text);
    else if (ts.isTemplateExpression(node)) {
      for (const part of [node.head, ...node.templateSpans.map((span) => span.literal)]) say(node, part.text);
    } else if (ts.isConditionalExpression(node)) {
      strings(node.whenTrue);
      strings(node.whenFalse);
    } else if (ts.isBinaryExpression(node)) {
      const kind = node.operatorToken.kind;
      if ([ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.PlusToken].includes(kind)) strings(node.right);
      if ([ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken, ts.SyntaxKind.PlusToken].includes(kind)) {
        strings(node.left);
        strings(node.right);
      }
    } else if (ts.isParenthesizedExpression(node)) strings(node.expression);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) say(node, node.text);
    else if (ts.isJsxExpression(node) && node.expression && !ts.isJsxAttribute(node.parent)) strings(node.expression);
    else if (ts.isJsxAttribute(node) && node.initializer) {
      const element = node.parent.parent.tagName.getText();
      if (isSpoken(node.name.getText(), element)) {
        if (ts.isStringLiteral(node.initializer)) say(node, node.initializer.text);
        else if (ts.isJsxExpression(node.initializer) && node.initializer.expression)
          strings(node.initializer.expression);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

it("no page says anything that is not in the languages' files", () => {
  expect(source.length).toBeGreaterThan(60);
  expect(source.flatMap(([path, text]) => literals(path, text))).toEqual([]);
});

it.each([
  ["<p>Hello there</p>", ["Hello there"]],
  ["<p>{'Hello'}</p>", ["Hello"]],
  ["<p>{isOpen ? 'Open' : t('closed')}</p>", ["Open"]],
  ["<p>{name || 'Nobody'}</p>", ["Nobody"]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of a program
  ["<p>{`Since ${day}`}</p>", ["Since"]],
  ["<Button aria-label='Close' />", ["Close"]],
  ["<TextField label='Phone' name='phone' />", ["Phone"]],
  ["<p className='text-bad'>{t('key')} · {name === 'Jane' && count}</p>", []],
])("finds in %s what is said there", (jsx, words) => {
  expect(literals("x.tsx", `const page = ${jsx};`)).toEqual(words.map((one) => `x.tsx:1: ${one}`));
});
