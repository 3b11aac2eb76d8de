package skillscan

import (
	"encoding/json"
	"strings"

	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// notebook reads the cells of a Jupyter notebook as what they are.
func (s *scan) notebook(name, t string) {
	var nb struct {
		Cells []struct {
			Type   string          `json:"cell_type"`
			Source json.RawMessage `json:"source"`
		} `json:"cells"`
	}
	if json.Unmarshal([]byte(t), &nb) != nil {
		return
	}
	lines := strings.Split(t, "\n")
	from := 0 // cells stand in the order of the file
	for _, c := range nb.Cells {
		src := joined(c.Source)
		if src == "" {
			continue
		}
		// The line of the cell's first line, where the file has lines.
		first, _, _ := strings.Cut(src, "\n")
		quoted, err := json.Marshal(first)
		if err != nil {
			continue
		}
		at := 0
		for i := from; i < len(lines); i++ {
			if strings.Contains(lines[i], string(quoted[:len(quoted)-1])) {
				at, from = i, i
				break
			}
		}
		s.cell(name, at, src, c.Type == "code", len(lines) < 8)
	}
}

func joined(raw json.RawMessage) string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, "")
	}
	var one string
	if json.Unmarshal(raw, &one) != nil {
		return ""
	}
	return one
}

// cell reads one cell; flat is a file whose lines are not those of its cells.
func (s *scan) cell(name string, at int, src string, code, flat bool) {
	before := len(s.findings)
	if code {
		var python []string
		for i, l := range strings.Split(src, "\n") {
			if cmd, ok := strings.CutPrefix(strings.TrimSpace(l), "!"); ok {
				s.shellLine(name, at+i+1, cmd)
				l = ""
			}
			python = append(python, l)
		}
		s.code(name, at, strings.Join(python, "\n"), lang.Python, false)
	} else {
		for i, l := range strings.Split(src, "\n") {
			s.prose(name, []line{{l, at + i + 1}}, proseText)
		}
	}
	if flat {
		for i := before; i < len(s.findings); i++ {
			if s.findings[i].File == name {
				s.findings[i].Line = at + 1
			}
		}
		s.settle(before)
	}
}
