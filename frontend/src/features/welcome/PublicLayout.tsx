import { Link, Outlet } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { Logo } from "@/components/Logo";

/** Its menu takes a library that the first page does without. */
const Preferences = lazy(() =>
  import("@/components/Preferences").then(({ Preferences }) => ({ default: Preferences })),
);

/** The frame of the pages where nobody is signed in. */
export function PublicLayout({ children }: { children?: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col">
      <PublicHeader />
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-5xl flex-1 px-4 pt-8 pb-16 sm:px-6 sm:pt-16">
        {children ?? <Outlet />}
      </main>
    </div>
  );
}

export function PublicHeader() {
  return (
    <header className="flex w-full items-center justify-between px-4 py-4 sm:px-8">
      <Link to="/" className="flex items-center gap-3 rounded-md text-base font-semibold tracking-tight">
        <Logo />
        ChakraVue
      </Link>
      <Suspense fallback={<span className="size-10" />}>
        <Preferences />
      </Suspense>
    </header>
  );
}
