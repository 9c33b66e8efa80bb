/** Colours on a white ground of their own, so that a plot reads the same on a light page and on a dark one. */
export const INK = {
  ground: '#ffffff',
  text: '#1f2328',
  muted: '#59636e',
  grid: '#d8dee4',
  good: '#dafbe1',
  bad: '#ffd8d3',
  none: '#f0f2f4',
};

/** The engine and those it is always held against keep their colours in all plots. */
const KNOWN_COLOURS: Readonly<Record<string, string>> = {
  hexdispatch: '#0969da',
  'bare uWebSockets.js': '#6e7781',
  'Socket.IO': '#bf8700',
  ws: '#1a7f37',
  'Django Channels': '#cf222e',
};
const OTHER_COLOURS = ['#8250df', '#bc4c00', '#1b7c83', '#bf3989', '#57606a', '#4d2d00'];

/** A colour for each name, the same whenever the names come in the same order. */
export function coloursOf(names: readonly string[]): Map<string, string> {
  const others = [...new Set(names)].filter((name) => KNOWN_COLOURS[name] === undefined);
  return new Map(
    [...new Set(names)].map((name) => [
      name,
      KNOWN_COLOURS[name] ?? OTHER_COLOURS[others.indexOf(name) % OTHER_COLOURS.length]!,
    ]),
  );
}

interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly isBold?: boolean;
  readonly fill?: string;
}

/** An SVG being drawn: coordinates are px from the top left corner, and the same calls make the same bytes. */
export class Drawing {
  readonly width: number;
  private readonly parts: string[] = [];

  constructor(width: number) {
    this.width = width;
  }

  text(x: number, y: number, words: string, style: TextStyle = {}): void {
    const { anchor = 'start', size = 12, isBold = false, fill = INK.text } = style;
    const weight = isBold ? ' font-weight="600"' : '';
    this.parts.push(
      `<text x="${px(x)}" y="${px(y)}" font-size="${size}" text-anchor="${anchor}" fill="${fill}"${weight}>${escaped(words)}</text>`,
    );
  }

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.parts.push(
      `<rect x="${px(x)}" y="${px(y)}" width="${px(Math.max(0, width))}" height="${px(height)}" fill="${fill}"/>`,
    );
  }

  /** Through all the points, at least two. */
  line(points: readonly (readonly [x: number, y: number])[], stroke: string, width = 1): void {
    const path = points.map(([x, y]) => `${px(x)},${px(y)}`).join(' ');
    this.parts.push(`<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="${width}"/>`);
  }

  dot(x: number, y: number, fill: string): void {
    this.parts.push(`<circle cx="${px(x)}" cy="${px(y)}" r="3.5" fill="${fill}"/>`);
  }

  /** The whole file. `title` is also what a screen reader says. */
  finished(height: number, title: string): string {
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${px(height)}" viewBox="0 0 ${this.width} ${px(height)}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" role="img">`,
      `<title>${escaped(title)}</title>`,
      `<rect width="100%" height="100%" fill="${INK.ground}"/>`,
      ...this.parts,
      '</svg>',
      '',
    ].join('\n');
  }
}

const px = (value: number): string => String(Math.round(value * 10) / 10);

function escaped(words: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // What XML 1.0 does not allow at all, an error's text might hold.
  const allowed = [...words].filter((char) => char >= ' ').join('');
  return allowed.replace(/[&<>"]/g, (char) => entities[char]!);
}
