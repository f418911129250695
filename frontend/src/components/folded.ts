/**
 * A text in which upper and lower case are one, as the searches of the service have it. Each sign goes to its capital and back
 * by itself, so that ß is ss, ς is σ and ı is i wherever they stand; and the dot of İ goes, as i has it already.
 */
export function folded(text: string): string {
  const signs = [...text.normalize("NFD")].map((sign) => sign.toLowerCase().toUpperCase().toLowerCase());
  return signs.join("").replaceAll("i\u0307", "i").normalize("NFC");
}
