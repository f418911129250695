import { Search } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { fieldLook } from "./form/Field";

/** Searches while somebody types, once they pause. Another search, such as none after a link, is what the field then says. */
export function SearchField({
  label,
  value,
  onSearch,
  maxLength = 100,
}: {
  label: string;
  value: string;
  onSearch: (words: string) => void;
  maxLength?: number;
}) {
  const id = useId();
  const [words, setWords] = useState(value);
  // What was asked for here comes back as the value, perhaps when more was typed already.
  const asked = useRef<string[]>([]);
  useEffect(() => {
    const index = asked.current.lastIndexOf(value);
    if (index === -1) setWords(value);
    asked.current.splice(0, index + 1);
  }, [value]);
  useEffect(() => {
    if (words.trim() === value) return;
    const timer = setTimeout(() => {
      asked.current.push(words.trim());
      onSearch(words.trim());
    }, 250);
    return () => clearTimeout(timer);
  }, [words, value, onSearch]);
  return (
    <search className="relative w-full max-w-sm">
      <label htmlFor={id} className="sr-only">
        {label}
      </label>
      <Search aria-hidden className="pointer-events-none absolute start-3 top-3 size-4 text-ink-soft" />
      <input
        id={id}
        type="search"
        dir="auto"
        className={`${fieldLook} ps-9`}
        placeholder={label}
        maxLength={maxLength}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
    </search>
  );
}
