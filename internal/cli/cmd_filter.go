package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

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
			}{r.String(text), inCharacters(text, r.Find(text))}
		}),
		e.filterCommand("inspect", "Report what in a text gives orders to a model, is a secret, or would not be visible", inspect))
	return c
}

// inspect reports the verdict on a text from outside: "mark" when it reads
// like orders to a model, with what gave it away, else "pass". Text is what a
// model would be given of it.
func inspect(r *filter.Redactor, text string) any {
	verdict, look := "pass", inject.Look(text)
	var orders []filter.Finding
	if look.Marked() {
		verdict = "mark"
		for _, s := range look.Signals {
			orders = append(orders, filter.Finding{Rule: s.Rule, Start: s.Start, End: s.End})
		}
	}
	return struct {
		Verdict  string           `json:"verdict"`
		Score    int              `json:"score"`
		Findings []filter.Finding `json:"findings"`
		Secrets  []filter.Finding `json:"secrets"`
		Text     string           `json:"text"`
		Visible  string           `json:"visible"`
	}{verdict, look.Score, inCharacters(text, orders), inCharacters(text, r.Find(text)), filter.Plain(text), filter.Visible(text)}
}

// inCharacters counts the places of findings in characters, as rows do; never
// nil.
func inCharacters(text string, found []filter.Finding) []filter.Finding {
	at := make([]int, 0, 2*len(found))
	for _, f := range found {
		at = append(at, f.Start, f.End)
	}
	slices.Sort(at)
	characters := make(map[int]int, len(at))
	last, count := 0, 0
	for _, i := range at {
		count += utf8.RuneCountInString(text[last:i])
		last, characters[i] = i, count
	}
	out := make([]filter.Finding, 0, len(found))
	for _, f := range found {
		out = append(out, filter.Finding{Rule: f.Rule, Start: characters[f.Start], End: characters[f.End]})
	}
	return out
}

func (e *env) filterCommand(name, short string, f func(*filter.Redactor, string) any) *cobra.Command {
	var jsonl bool
	c := &cobra.Command{
		Use: name + " [--jsonl] < TEXT", Short: short, Args: cobra.NoArgs,
		Long: short + `.

Reads standard input. With --jsonl every line is an object with "id" and
"text"; one object a line comes back, same order, same id. The places of
findings are counted in characters.`,
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
