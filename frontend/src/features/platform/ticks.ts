/** Whole numbers to read a chart by, from 0 to at least `most`: in steps of 1, 2 or 5, or of these with zeros behind. */
export function ticksTo(most: number): number[] {
  const end = Math.max(1, most);
  const least = end / 4;
  const unit = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(1, [unit, 2 * unit, 5 * unit].find((one) => one >= least) ?? 10 * unit);
  return Array.from({ length: Math.ceil(end / step) + 1 }, (_, index) => index * step);
}
