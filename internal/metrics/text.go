package metrics

import (
	"math"
	"strconv"
	"strings"
)

// ContentType of Text.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Text writes families as Prometheus reads them.
func Text(families []Family) []byte {
	b := make([]byte, 0, 16<<10)
	for _, f := range families {
		if len(f.Points) == 0 {
			continue
		}
		b = append(b, "# HELP "+f.Name+" "...)
		b = append(b, strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(f.Help)...)
		b = append(b, "\n# TYPE "+f.Name+" "+f.Kind.String()+"\n"...)
		for _, p := range f.Points {
			if f.Kind == Histogram {
				b = histogram(b, f.Name, p)
				continue
			}
			b = line(b, f.Name, p.Labels, "", p.Value)
		}
	}
	return b
}

func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Gauge:
		return "gauge"
	case Histogram:
		return "histogram"
	}
	return "untyped"
}

func histogram(b []byte, name string, p Point) []byte {
	n := uint64(0)
	for i, c := range p.Counts {
		n += c
		le := "+Inf"
		if i < len(p.Bounds) {
			le = number(p.Bounds[i])
		}
		b = line(b, name+"_bucket", p.Labels, le, float64(n))
	}
	b = line(b, name+"_sum", p.Labels, "", p.Sum)
	return line(b, name+"_count", p.Labels, "", float64(n))
}

func line(b []byte, name string, labels []Label, le string, v float64) []byte {
	b = append(b, name...)
	if le != "" {
		labels = append(labels[:len(labels):len(labels)], Label{"le", le})
	}
	for i, l := range labels {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(b, l.Name...)
		b = append(b, `="`...)
		b = append(b, escape(l.Value)...)
		b = append(b, '"')
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = append(b, number(v)...)
	return append(b, '\n')
}

func escape(s string) string {
	return strings.NewReplacer("\\", `\\`, "\"", `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?"))
}

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	case math.IsNaN(v):
		return "NaN"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
