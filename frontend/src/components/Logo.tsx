/** A wheel with an eye: chakra and view. */
export function Logo({ className = "size-8" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g className="stroke-on-accent" fill="none" strokeWidth="2.5">
        <circle cx="16" cy="16" r="8.5" />
        <path d="M16 7.5v4M16 20.5v4M7.5 16h4M20.5 16h4" strokeLinecap="round" />
      </g>
      <circle cx="16" cy="16" r="2.75" className="fill-on-accent" />
    </svg>
  );
}
