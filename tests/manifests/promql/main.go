// Evaluates PromQL over series from stdin with Prometheus' own engine, for tests/manifests/test_alerts.py: promtool
// does it too, but brings every service discovery with it and takes minutes to compile.
//
// In: {"step_s": 30, "series": [{"labels": {"__name__": "up"}, "values": [1, null, 0]}], "expressions": ["up == 0"]},
// values one a step, from time 0. Out, one an expression: [{"labels": {}, "values": [[30, 1], [60, 1]]}].
// With "rules", a rule file's text, it also reads that as Prometheus does, templates of annotations included.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
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

type question struct {
	StepS       int64 `json:"step_s"`
	Expressions []string
	Rules       string
	Series      []struct {
		Labels map[string]string
		Values []*float64
	}
}

type answer struct {
	Labels map[string]string `json:"labels"`
	Values [][2]float64      `json:"values"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	reader := parser.NewParser(parser.Options{})
	_, problems := rulefmt.Parse([]byte(asked.Rules), false, model.UTF8Validation, reader, slog.Default())
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	step := time.Duration(asked.StepS) * time.Second
	held, steps := memory{}, 0
	for _, one := range asked.Series {
		var samples []chunks.Sample
		for at, value := range one.Values {
			if value != nil {
				samples = append(samples, sample{int64(at) * step.Milliseconds(), *value})
			}
		}
		held = append(held, storage.NewListSeries(labels.FromMap(one.Labels), samples))
		steps = max(steps, len(one.Values))
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute})
	answers := [][]answer{}
	for _, expression := range asked.Expressions {
		end := time.UnixMilli(0).Add(step * time.Duration(max(steps-1, 0)))
		query, err := engine.NewRangeQuery(context.Background(), held, nil, expression, time.UnixMilli(0), end, step)
		if err != nil {
			return fmt.Errorf("%s: %w", expression, err)
		}
		matrix, err := query.Exec(context.Background()).Matrix()
		if err != nil {
			return fmt.Errorf("%s: %w", expression, err)
		}
		found := []answer{}
		for _, series := range matrix {
			one := answer{Labels: series.Metric.Map()}
			for _, point := range series.Floats {
				one.Values = append(one.Values, [2]float64{float64(point.T) / 1000, point.F})
			}
			found = append(found, one)
		}
		answers = append(answers, found)
		query.Close()
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// memory is the least of a storage that the engine can ask.
type memory []*storage.SeriesEntry

func (m memory) Querier(_, _ int64) (storage.Querier, error) { return &querier{held: m}, nil }

type querier struct {
	storage.MockQuerier // label names and values, which no expression asks for

	held memory
}

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{at: -1}
	for _, one := range q.held {
		fits := func(matcher *labels.Matcher) bool { return matcher.Matches(one.Labels().Get(matcher.Name)) }
		if !slices.ContainsFunc(matchers, func(matcher *labels.Matcher) bool { return !fits(matcher) }) {
			found.series = append(found.series, one)
		}
	}
	return found
}

type set struct {
	series []*storage.SeriesEntry
	at     int
}

func (s *set) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series              { return s.series[s.at] }
func (*set) Err() error                        { return nil }
func (*set) Warnings() annotations.Annotations { return nil }

type sample struct {
	at    int64 // milliseconds
	value float64
}

func (s sample) T() int64                    { return s.at }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
