import { Dialog } from "@base-ui/react/dialog";
import { Link, type LinkProps, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { ChevronDown, LogOut, type LucideIcon, Menu as MenuIcon, UserRound, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { hasUnsent } from "@/components/form/unsent";
import { Logo } from "@/components/Logo";
import { Menu, MenuItem, MenuSeparator } from "@/components/Menu";
import { PreferenceChoices } from "@/components/Preferences";
import { useRoleName } from "@/components/RoleBadge";
import { Toasts } from "@/components/Toasts";
import { useSession } from "@/session/context";
import { useMe } from "@/session/me";
import { SessionKeeper } from "@/session/SessionKeeper";
import { LeaveGuard } from "./LeaveGuard";

export interface Destination {
  to: NonNullable<LinkProps["to"]>;
  icon: LucideIcon;
  label: string;
  /** Only this very address, not what is below it. */
  exact?: boolean;
}

/** The frame around everybody's work: where one is, as whom, and where else one can go. */
export function Shell({
  place,
  destinations,
  account,
  children,
}: {
  /** The hospital, or the platform. */
  place: string;
  destinations: Destination[];
  account: "/app/account" | "/platform/account";
  children?: ReactNode;
}) {
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[15rem_1fr] print:block">
      <aside className="no-print hidden border-e border-line bg-sunken/50 lg:block">
        <div className="sticky top-0 grid max-h-dvh gap-6 overflow-y-auto p-4">
          <Brand />
          <Navigation destinations={destinations} />
        </div>
      </aside>
      <div className="flex min-w-0 flex-col">
        <TopBar place={place} destinations={destinations} account={account} />
        <main id="content" tabIndex={-1} className="mx-auto w-full max-w-7xl flex-1 p-4 pb-16 sm:p-8 print:p-0">
          {children ?? <Outlet />}
        </main>
      </div>
      <LeaveGuard />
      <SessionKeeper />
      <Toasts />
    </div>
  );
}

function Brand() {
  return (
    <div className="flex items-center gap-3 px-2 text-base font-semibold tracking-tight">
      <Logo className="size-7" />
      ChakraVue
    </div>
  );
}

function Navigation({ destinations }: { destinations: Destination[] }) {
  const { t } = useTranslation();
  return (
    <nav aria-label={t("navigation.label")}>
      <ul className="grid gap-1">
        {destinations.map(({ to, icon: Icon, label, exact = false }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact, includeSearch: false }}
              className="flex min-h-10 items-center gap-3 rounded-md px-3 py-2 font-medium transition-colors"
              activeProps={{ className: "bg-accent-soft text-accent" }}
              inactiveProps={{ className: "text-ink-soft hover:bg-sunken hover:text-ink" }}
            >
              <Icon aria-hidden className="size-4 shrink-0" />
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function TopBar({
  place,
  destinations,
  account,
}: {
  place: string;
  destinations: Destination[];
  account: "/app/account" | "/platform/account";
}) {
  const { user } = useMe();
  const nameOf = useRoleName();
  return (
    <header className="no-print sticky top-0 z-30 flex min-h-16 items-center gap-3 border-b border-line bg-canvas px-4 sm:px-8">
      <Drawer destinations={destinations} />
      <div className="grid min-w-0 flex-1">
        <span className="truncate font-semibold" dir="auto">
          {place}
        </span>
        <span className="truncate text-ink-soft">{nameOf(user.role)}</span>
      </div>
      <UserMenu account={account} />
    </header>
  );
}

/** The navigation where there is no room for it beside the page. */
function Drawer({ destinations }: { destinations: Destination[] }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const [isOpen, setOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: closed by having gone somewhere
  useEffect(() => setOpen(false), [pathname]);
  return (
    <Dialog.Root open={isOpen} onOpenChange={setOpen}>
      <Dialog.Trigger
        render={
          <IconButton label={t("navigation.open")} className="-ms-2 lg:hidden">
            <MenuIcon aria-hidden className="size-5" />
          </IconButton>
        }
      />
      <Dialog.Portal>
        <Dialog.Backdrop className="appear fixed inset-0 z-40 bg-[rgb(20_18_15/0.5)]" />
        <Dialog.Popup className="appear fixed inset-y-0 start-0 z-50 grid w-72 max-w-[85vw] content-start gap-6 overflow-y-auto border-e border-line bg-canvas p-4 outline-none">
          <div className="flex items-center justify-between">
            <Dialog.Title render={<div />}>
              <Brand />
            </Dialog.Title>
            <Dialog.Close
              render={
                <IconButton label={t("common.close")}>
                  <X aria-hidden className="size-5" />
                </IconButton>
              }
            />
          </div>
          <Navigation destinations={destinations} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function UserMenu({ account }: { account: "/app/account" | "/platform/account" }) {
  const { t } = useTranslation();
  const session = useSession();
  const navigate = useNavigate();
  const { user } = useMe();
  const [isAsking, setAsking] = useState(false);
  const name = user.name ?? user.email;
  const signOut = () => (hasUnsent() ? setAsking(true) : void session.signOut());
  return (
    <>
      <Menu
        trigger={
          <Button look="quiet" aria-label={t("navigation.user", { name })} className="-me-4 max-w-80 shrink-0">
            <UserRound aria-hidden className="size-5 shrink-0 sm:size-4" />
            <span className="truncate max-sm:hidden" dir="auto">
              {name}
            </span>
            <ChevronDown aria-hidden className="size-4 shrink-0 max-sm:hidden" />
          </Button>
        }
      >
        <PreferenceChoices />
        <MenuSeparator />
        <MenuItem icon={UserRound} onSelect={() => void navigate({ to: account })}>
          {t("account.title")}
        </MenuItem>
        <MenuItem icon={LogOut} onSelect={signOut}>
          {t("session.signOut")}
        </MenuItem>
      </Menu>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={t("leave.signOut")}
        action={t("session.signOut")}
        dangerous
        onConfirm={() => session.signOut()}
      >
        {t("leave.explanation")}
      </Confirm>
    </>
  );
}
