// Tells when alerts fire: reads a file of alerting rules and, from standard input, series of samples; and prints for each
// case from which second on each alert fires. It holds what Prometheus itself calls a rule and a query, and nothing of
// its storage and discovery, which would take promtool five times as long to build.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// How often there is a sample, and how often rules are looked at.
const interval = 30 * time.Second

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	syntax := parser.NewParser(parser.Options{})
	rules, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, syntax, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		return fmt.Errorf("%v", errs)
	}
	// For each case its series, in the notation of Prometheus' own tests: `up{job="a"} 1x10 0x20`.
	var cases [][]string
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: syntax})
	answers := []map[string]int{}
	for _, lines := range cases {
		series, steps, err := read(syntax, lines)
		if err != nil {
			return err
		}
		answer := map[string]int{}
		for _, group := range rules.Groups {
			for _, rule := range group.Rules {
				after, err := fires(engine, series, steps, rule)
				if err != nil {
					return fmt.Errorf("%s: %w", rule.Alert, err)
				}
				if after != nil {
					answer[rule.Alert] = int(after.Seconds())
				}
			}
		}
		answers = append(answers, answer)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func at(step int) time.Time { return time.Unix(0, 0).UTC().Add(time.Duration(step) * interval) }

func read(syntax parser.Parser, lines []string) (all, int, error) {
	var series all
	steps := 0
	for _, line := range lines {
		name, values, err := syntax.ParseSeriesDesc(line)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", line, err)
		}
		var samples []chunks.Sample
		for step, value := range values {
			if !value.Omitted {
				samples = append(samples, sample{at(step).UnixMilli(), value.Value})
			}
		}
		series = append(series, storage.NewListSeries(name, samples))
		steps = max(steps, len(values))
	}
	return series, steps, nil
}

// From when on an alert fires, if it does before the samples end: when what it asks has been answered for so long.
func fires(engine *promql.Engine, series all, steps int, rule rulefmt.Rule) (*time.Duration, error) {
	query, err := engine.NewRangeQuery(context.Background(), series, nil, rule.Expr, at(0), at(steps-1), interval)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(context.Background()).Matrix()
	if err != nil {
		return nil, err
	}
	var first *time.Duration
	for _, found := range matrix {
		var since, last int64 = -1, -1
		for _, point := range found.Floats {
			if since < 0 || point.T-last > interval.Milliseconds() {
				since = point.T
			}
			last = point.T
			if time.Duration(point.T-since)*time.Millisecond >= time.Duration(rule.For) {
				if after := time.Duration(point.T) * time.Millisecond; first == nil || after < *first {
					first = &after
				}
				break
			}
		}
	}
	return first, nil
}

// All series there are.
type all []storage.Series

func (series all) Querier(int64, int64) (storage.Querier, error) { return series, nil }

func (series all) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found []storage.Series
	for _, one := range series {
		matches := true
		for _, matcher := range matchers {
			matches = matches && matcher.Matches(one.Labels().Get(matcher.Name))
		}
		if matches {
			found = append(found, one)
		}
	}
	return &some{found, -1}
}

func (all) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (all) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (all) Close() error { return nil }

type some struct {
	series []storage.Series
	at     int
}

func (set *some) Next() bool                    { set.at++; return set.at < len(set.series) }
func (set *some) At() storage.Series            { return set.series[set.at] }
func (*some) Err() error                        { return nil }
func (*some) Warnings() annotations.Annotations { return nil }

type sample struct {
	time  int64
	value float64
}

func (s sample) T() int64                    { return s.time }
func (s sample) ST() int64                   { return 0 }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
