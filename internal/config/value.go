package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/json5"
)

var (
	secretType   = reflect.TypeFor[SecretRef]()
	durationType = reflect.TypeFor[Duration]()
	sizeType     = reflect.TypeFor[Size]()
)

// value reads a scalar into a Value[T].
func (r *reader) value(v reflect.Value, n *json5.Node, at place, f *field) {
	origin, to := v.Field(0).Addr().Interface().(*Origin), v.Field(1)
	if to.Type() == secretType {
		r.secret(origin, to.Addr().Interface().(*SecretRef), n, at)
		return
	}
	*origin = Origin{Invalid: true, Ref: refOf(n.Pos, at.path)}
	if n.Kind == json5.Invalid {
		return
	}
	raw := n
	n, ok := r.resolve(n, at)
	if !ok {
		return
	}
	if n != raw && to.Kind() != reflect.String {
		n = spelled(n) // "${PORT}" is a number where one is expected
	}
	var err *Problem
	switch {
	case to.Type() == durationType:
		var d time.Duration
		if d, err = readDuration(n, f.tag.Get("unit")); err == nil {
			to.SetInt(int64(d))
		}
	case to.Type() == sizeType:
		var s int64
		if s, err = readSize(n); err == nil {
			to.SetInt(s)
		}
	case to.Kind() == reflect.Bool:
		if n.Kind == json5.Bool {
			to.SetBool(n.Bool)
		} else {
			err = &Problem{Code: CodeType, Found: n.Kind.String(), Expected: "true or false"}
		}
	case to.Kind() == reflect.Int:
		var x float64
		if x, err = readNumber(n, f, true); err == nil && to.OverflowInt(int64(x)) {
			err = &Problem{Code: CodeValue, Found: clip(n.Text), Expected: "a number that this machine can hold"}
		}
		if err == nil {
			to.SetInt(int64(x))
		}
	case to.Kind() == reflect.Float64:
		var x float64
		if x, err = readNumber(n, f, false); err == nil {
			to.SetFloat(x)
		}
	case to.Kind() == reflect.String:
		var s string
		if s, err = r.readText(n, at, f); err == nil {
			to.SetString(s)
		}
	}
	if err != nil {
		err.Severity, err.Where = at.severity(), origin.Ref
		r.add(*err)
		return
	}
	origin.Set, origin.Invalid = true, false
}

// readNumber checks a number against its bounds.
func readNumber(n *json5.Node, f *field, whole bool) (float64, *Problem) {
	if n.Kind != json5.Number {
		return 0, &Problem{Code: CodeType, Found: n.Kind.String(), Expected: "a number"}
	}
	if math.IsNaN(n.Num) || math.IsInf(n.Num, 0) {
		return 0, &Problem{Code: CodeValue, Found: n.Text, Expected: "a finite number"}
	}
	if whole && (n.Num != math.Trunc(n.Num) || math.Abs(n.Num) > 1<<53) {
		return 0, &Problem{Code: CodeValue, Found: clip(n.Text), Expected: "a whole number"}
	}
	least, most := f.bound("min", math.Inf(-1)), f.bound("max", math.Inf(1))
	if n.Num >= least && n.Num <= most {
		return n.Num, nil
	}
	plain := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	expected := "at least " + plain(least)
	if !math.IsInf(most, 1) {
		expected = plain(least) + " to " + plain(most)
	}
	return 0, &Problem{Code: CodeValue, Found: clip(n.Text), Expected: expected}
}

func (f *field) bound(name string, otherwise float64) float64 {
	x, err := strconv.ParseFloat(f.tag.Get(name), 64)
	if err != nil {
		return otherwise
	}
	return x
}

// readText reads a text, checks it against the key's values and brings it into
// the form that the key's options ask for.
func (r *reader) readText(n *json5.Node, at place, f *field) (string, *Problem) {
	text := ""
	switch {
	case n.Kind == json5.String:
		text = n.Text
	case n.Kind == json5.Bool && at.opts.boolText:
		text = strconv.FormatBool(n.Bool)
	case n.Kind == json5.Number && at.opts.ids:
		id, ok := numberID(n)
		if !ok {
			return "", &Problem{Code: CodeValue, Found: clip(n.Text), Expected: "an id"}
		}
		text = id
	default:
		return "", &Problem{Code: CodeType, Found: n.Kind.String(), Expected: json5.String.String()}
	}
	if strings.ContainsRune(text, 0) {
		return "", &Problem{Code: CodeValue, Found: "a NUL byte", Expected: "text without one"}
	}
	if at.opts.tool {
		text = strings.ToLower(strings.TrimSpace(text))
		if text == "" {
			return "", &Problem{Code: CodeValue, Found: `""`, Expected: "the name of a tool or group"}
		}
	}
	if at.opts.slug {
		return r.slug(text, refOf(n.Pos, at.path), at), nil
	}
	values, also := f.enum()
	if values == nil || slices.Contains(values, text) {
		return text, nil
	}
	if now, ok := also[text]; ok {
		r.add(Problem{Severity: Warning, Code: CodeAlias, Where: refOf(n.Pos, at.path),
			Found: fmt.Sprintf("%q, an older spelling of %q", text, now)})
		return now, nil
	}
	expected := make([]string, len(values))
	for i, v := range values {
		expected[i] = strconv.Quote(v)
	}
	return "", &Problem{Code: CodeValue, Found: quote(text), Expected: "one of " + strings.Join(expected, ", "), Nearest: Nearest(text, values)}
}

// numberID prints an id that was written as a number, digit by digit: ids of
// chat services do not fit into a float.
func numberID(n *json5.Node) (string, bool) {
	digits := strings.TrimPrefix(n.Text, "-")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		return n.Text, true
	}
	if n.Num == math.Trunc(n.Num) && math.Abs(n.Num) < 1<<53 {
		return strconv.FormatInt(int64(n.Num), 10), true
	}
	return "", false
}

const day = 24 * time.Hour

func readDuration(n *json5.Node, unit string) (time.Duration, *Problem) {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}
	bad := &Problem{Code: CodeValue, Expected: `a duration such as "30m", "24h" or "1d"`}
	count, per := 0.0, units[unit]
	switch n.Kind {
	case json5.Number:
		bad.Found = clip(n.Text)
		count = n.Num
	case json5.String:
		bad.Found = quote(n.Text)
		text := strings.TrimSpace(n.Text)
		i := strings.IndexFunc(text, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
		if i >= 0 {
			var ok bool
			if per, ok = units[strings.ToLower(strings.TrimSpace(text[i:]))]; !ok {
				d, err := time.ParseDuration(strings.ToLower(text))
				if err != nil || d < 0 {
					return 0, bad
				}
				return d, nil
			}
			text = text[:i]
		}
		var err error
		if count, err = strconv.ParseFloat(text, 64); err != nil {
			return 0, bad
		}
	case json5.Invalid, json5.Null, json5.Bool, json5.Array, json5.Object:
		bad.Code, bad.Found = CodeType, n.Kind.String()
		return 0, bad
	}
	total := count * float64(per)
	if !(total >= 0 && total < math.MaxInt64) { // NaN too
		return 0, bad
	}
	return time.Duration(total), nil
}

func readSize(n *json5.Node) (int64, *Problem) {
	bad := &Problem{Code: CodeValue, Expected: `a size such as "50M" or a number of bytes`}
	count, per := 0.0, 1.0
	switch n.Kind {
	case json5.Number:
		bad.Found = clip(n.Text)
		count = n.Num
	case json5.String:
		bad.Found = quote(n.Text)
		text := strings.ToLower(strings.TrimSpace(n.Text))
		i := strings.IndexFunc(text, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
		if i >= 0 {
			unit := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text[i:]), "b"), "i")
			k := strings.Index("kmgt", unit)
			switch {
			case unit == "":
			case len(unit) == 1 && k >= 0:
				per = math.Pow(1024, float64(k+1))
			default:
				return 0, bad
			}
			text = text[:i]
		}
		var err error
		if count, err = strconv.ParseFloat(text, 64); err != nil {
			return 0, bad
		}
	case json5.Invalid, json5.Null, json5.Bool, json5.Array, json5.Object:
		bad.Code, bad.Found = CodeType, n.Kind.String()
		return 0, bad
	}
	total := count * per
	if !(total >= 0 && total < math.MaxInt64) {
		return 0, bad
	}
	return int64(total), nil
}
