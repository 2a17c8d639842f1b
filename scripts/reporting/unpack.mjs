// Unpacks the browser, its libraries and its font, which lie compressed in the npm package: node unpack.mjs FOLDER
import { execFileSync } from 'node:child_process';
import { chmodSync, createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

const folder = process.argv[2];
const source = join(folder, 'node_modules/@sparticuz/chromium/bin');
const unpack = (name, target) =>
  pipeline(createReadStream(join(source, name)), createBrotliDecompress(), createWriteStream(target));

await unpack('chromium.br', join(folder, 'chromium'));
chmodSync(join(folder, 'chromium'), 0o755);
for (const [name, target] of [['al2023.tar.br', 'libraries'], ['fonts.tar.br', 'fonts']]) {
  const archive = join(folder, 'archive.tar');
  await unpack(name, archive);
  mkdirSync(join(folder, target));
  execFileSync('tar', ['-xf', archive, '-C', join(folder, target)]);
  rmSync(archive);
}
// The package's own configuration looks for its font where a cloud function keeps it.
writeFileSync(
  join(folder, 'fonts/fonts.conf'),
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${folder}/fonts/fonts</dir><cachedir>${folder}/fonts/cache</cachedir></fontconfig>\n`,
);
rmSync(join(folder, 'node_modules'), { recursive: true });
