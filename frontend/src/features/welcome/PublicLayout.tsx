import { Link, Outlet } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Logo } from "@/components/Logo";
import { PreferencesOnDemand } from "@/components/PreferencesOnDemand";

/** The frame of the pages where nobody is signed in. */
export function PublicLayout({ children, preferences }: { children?: ReactNode; preferences?: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col">
      <PublicHeader preferences={preferences} />
      <main id="content" tabIndex={-1} className="mx-auto w-full max-w-5xl flex-1 px-4 pt-8 pb-16 sm:px-6 sm:pt-16">
        {children ?? <Outlet />}
      </main>
    </div>
  );
}

export function PublicHeader({ preferences = <PreferencesOnDemand /> }: { preferences?: ReactNode }) {
  return (
    <header className="flex w-full items-center justify-between px-4 py-4 sm:px-8">
      <Link to="/" className="flex items-center gap-3 rounded-md text-base font-semibold tracking-tight">
        <Logo />
        ChakraVue
      </Link>
      {preferences}
    </header>
  );
}
