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

/** The numbers stand in the table beside the chart, so the drawing itself takes no focus. */
export function Bars({ data, format }: ChartProps) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={data} margin={{ top: 24, right: 8, bottom: 0, left: 8 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis dataKey="name" {...axis} interval={0} />
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
  return (
    <ResponsiveContainer width="100%" height="100%">
      <AreaChart data={data} margin={{ top: 8, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis dataKey="name" {...axis} minTickGap={32} />
        <YAxis {...axis} width={36} allowDecimals={false} tickFormatter={format} />
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
