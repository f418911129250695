import { Unlink } from "lucide-react";
import { DeadEnd } from "@/components/DeadEnd";

/** A link that was used, has expired or was replaced: the server does not say which, so that nobody can try links out. */
export function LinkUnusable({ title, advice }: { title: string; advice: string }) {
  return <DeadEnd icon={Unlink} tone="warn" title={title} advice={advice} />;
}
