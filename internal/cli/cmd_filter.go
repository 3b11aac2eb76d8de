package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/filter/inject"
)

const maxRow = 8 << 20

func (e *env) cmdFilter() *cobra.Command {
	c := &cobra.Command{Use: "filter", Short: "Mask secrets and look at text from outside"}
	c.AddCommand(
		e.filterCommand("redact", "Mask secrets in text", func(r *filter.Redactor, text string) any {
			return struct {
				Text     string           `json:"text"`
				Findings []filter.Finding `json:"findings"`
			}{r.String(text), findings(r, text)}
		}),
		e.filterCommand("inspect", "Report what in a text is masked, what would not be visible, and what gives orders to a model", func(r *filter.Redactor, text string) any {
			look := inject.Look(text)
			return struct {
				Findings []filter.Finding `json:"findings"`
				Visible  string           `json:"visible"`
				Marked   bool             `json:"marked"`
				Orders   inject.Report    `json:"orders"`
			}{findings(r, text), filter.Visible(text), look.Marked(), look}
		}))
	return c
}

func findings(r *filter.Redactor, text string) []filter.Finding {
	if f := r.Find(text); f != nil {
		return f
	}
	return []filter.Finding{}
}

func (e *env) filterCommand(name, short string, f func(*filter.Redactor, string) any) *cobra.Command {
	var jsonl bool
	c := &cobra.Command{
		Use: name + " [--jsonl] < TEXT", Short: short, Args: cobra.NoArgs,
		Long: short + `.

Reads standard input. With --jsonl every line is an object with "id" and
"text"; one object a line comes back, same order, same id.`,
		RunE: func(*cobra.Command, []string) error {
			r := filter.New(filter.Options{})
			if jsonl {
				return e.filterRows(r, f)
			}
			b, err := io.ReadAll(io.LimitReader(e.stdin, maxRow))
			if err != nil {
				return err
			}
			if name == "redact" && !e.print.json {
				e.print.text(r.String(string(b)))
				return nil
			}
			return e.print.value(f(r, string(b)))
		},
	}
	c.Flags().BoolVar(&jsonl, "jsonl", false, "rows in, rows out")
	return c
}

func (e *env) filterRows(r *filter.Redactor, f func(*filter.Redactor, string) any) error {
	in := bufio.NewScanner(e.stdin)
	in.Buffer(make([]byte, 64<<10), maxRow)
	for n := 1; in.Scan(); n++ {
		var row struct {
			ID   json.RawMessage `json:"id"`
			Text *string         `json:"text"`
			Line *string         `json:"line"`
		}
		if err := json.Unmarshal(in.Bytes(), &row); err != nil {
			return usage("filter: line %d: not a JSON object: %v", n, err)
		}
		text := row.Text
		if text == nil {
			text = row.Line
		}
		if text == nil {
			return usage(`filter: line %d: no "text"`, n)
		}
		out, err := json.Marshal(f(r, *text))
		if err != nil {
			return err
		}
		id := row.ID
		if id == nil {
			id = json.RawMessage("null")
		}
		if _, err := e.print.out.Write(plainJSON(fmt.Appendf(nil, "{\"id\":%s,%s\n", id, out[1:]))); err != nil {
			return err
		}
	}
	return in.Err()
}
