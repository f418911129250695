import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  LabelList,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { Datum } from "./ChartFigure";
import { ticksTo } from "./ticks";

const axis = { stroke: "var(--ink-soft)", fontSize: 14, tickLine: false, axisLine: false } as const;

const tooltip = {
  contentStyle: {
    background: "var(--surface)",
    border: "1px solid var(--line)",
    borderRadius: "0.5rem",
    color: "var(--ink)",
  },
  itemStyle: { color: "var(--ink)" },
  labelStyle: { color: "var(--ink-soft)" },
} as const;

interface ChartProps {
  data: Datum[];
  format: (value: number) => string;
}

/**
 * Each bar says its number, so that it needs no lines to read it by. The numbers stand in the table beside the chart, too,
 * so the drawing itself takes no focus.
 */
export function Bars({ data, format }: ChartProps) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={data} margin={{ top: 24, right: 0, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <XAxis dataKey="name" {...axis} axisLine={{ stroke: "var(--line)" }} interval={0} />
        <Tooltip
          {...tooltip}
          cursor={{ fill: "var(--sunken)" }}
          formatter={(value) => [format(Number(value)), ""]}
          separator=""
        />
        <Bar dataKey="value" fill="var(--accent)" radius={[4, 4, 0, 0]} maxBarSize={56} isAnimationActive={false}>
          <LabelList
            dataKey="value"
            position="top"
            fill="var(--ink)"
            fontSize={14}
            formatter={(value) => format(Number(value))}
          />
        </Bar>
      </BarChart>
    </ResponsiveContainer>
  );
}

export function Line({ data, format }: ChartProps) {
  const ticks = ticksTo(Math.max(...data.map(({ value }) => value)));
  return (
    <ResponsiveContainer width="100%" height="100%">
      <AreaChart data={data} margin={{ top: 8, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis dataKey="name" {...axis} minTickGap={32} />
        <YAxis {...axis} width={36} ticks={ticks} domain={[0, ticks.at(-1) ?? 0]} tickFormatter={format} />
        <Tooltip {...tooltip} formatter={(value) => [format(Number(value)), ""]} separator="" />
        <Area
          dataKey="value"
          type="linear"
          stroke="var(--accent)"
          strokeWidth={2}
          fill="var(--accent-soft)"
          isAnimationActive={false}
        />
      </AreaChart>
    </ResponsiveContainer>
  );
}
