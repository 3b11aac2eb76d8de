package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The parts of OTLP's JSON form that are sent
// (opentelemetry-proto, ExportMetricsServiceRequest).
type otlpRequest struct {
	ResourceMetrics []otlpResource `json:"resourceMetrics"`
}

type otlpResource struct {
	Resource     otlpAttributes `json:"resource"`
	ScopeMetrics []otlpScope    `json:"scopeMetrics"`
}

type otlpAttributes struct {
	Attributes []otlpAttribute `json:"attributes"`
}

type otlpAttribute struct {
	Key   string `json:"key"`
	Value struct {
		String string `json:"stringValue"`
	} `json:"value"`
}

type otlpScope struct {
	Scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	} `json:"scope"`
	Metrics []otlpMetric `json:"metrics"`
}

type otlpMetric struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Sum         *otlpData `json:"sum,omitempty"`
	Gauge       *otlpData `json:"gauge,omitempty"`
	Histogram   *otlpData `json:"histogram,omitempty"`
}

// cumulative is AGGREGATION_TEMPORALITY_CUMULATIVE.
const cumulative = 2

type otlpData struct {
	Temporality int         `json:"aggregationTemporality,omitempty"`
	Monotonic   bool        `json:"isMonotonic,omitempty"`
	Points      []otlpPoint `json:"dataPoints"`
}

type otlpPoint struct {
	Attributes []otlpAttribute `json:"attributes,omitempty"`
	Start      string          `json:"startTimeUnixNano,omitempty"`
	Time       string          `json:"timeUnixNano"`
	Double     *float64        `json:"asDouble,omitempty"`
	Count      string          `json:"count,omitempty"`
	Sum        *float64        `json:"sum,omitempty"`
	Counts     []string        `json:"bucketCounts,omitempty"`
	Bounds     []float64       `json:"explicitBounds,omitempty"`
}

// Source says whose metrics they are.
type Source struct {
	Service, Version string
	Start, Now       time.Time
}

// OTLP writes families as an OpenTelemetry collector reads them.
func OTLP(families []Family, src Source) ([]byte, error) {
	var scope otlpScope
	scope.Scope.Name, scope.Scope.Version = "openclaw", src.Version
	for _, f := range families {
		if len(f.Points) == 0 {
			continue
		}
		m := otlpMetric{Name: strings.TrimSuffix(f.Name, "_total"), Description: f.Help}
		d := &otlpData{}
		for _, p := range f.Points {
			d.Points = append(d.Points, otlpOf(f.Kind, p, src))
		}
		switch f.Kind {
		case Counter:
			d.Temporality, d.Monotonic, m.Sum = cumulative, true, d
		case Gauge:
			m.Gauge = d
		case Histogram:
			d.Temporality, m.Histogram = cumulative, d
		}
		scope.Metrics = append(scope.Metrics, m)
	}
	r := otlpResource{Resource: otlpAttributes{attributes([]Label{{"service.name", src.Service}, {"service.version", src.Version}})}, ScopeMetrics: []otlpScope{scope}}
	return json.Marshal(otlpRequest{[]otlpResource{r}})
}

func otlpOf(k Kind, p Point, src Source) otlpPoint {
	out := otlpPoint{Attributes: attributes(p.Labels), Time: nanos(src.Now)}
	if k != Gauge {
		out.Start = nanos(src.Start)
	}
	if k != Histogram {
		out.Double = &p.Value
		return out
	}
	n := uint64(0)
	for _, c := range p.Counts {
		n += c
		out.Counts = append(out.Counts, strconv.FormatUint(c, 10))
	}
	out.Count, out.Sum, out.Bounds = strconv.FormatUint(n, 10), &p.Sum, p.Bounds
	return out
}

func attributes(labels []Label) []otlpAttribute {
	var out []otlpAttribute
	for _, l := range labels {
		a := otlpAttribute{Key: l.Name}
		a.Value.String = strings.ToValidUTF8(l.Value, "?")
		out = append(out, a)
	}
	return out
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// pushTimeout bounds one export.
const pushTimeout = 20 * time.Second

// Push sends what OTLP wrote to a collector. header sets credentials.
func Push(ctx context.Context, client *http.Client, url string, body []byte, header func(http.Header) error) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("metrics: %q is no address", url)
	}
	if err := header(req.Header); err != nil {
		return fmt.Errorf("metrics: a header: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("metrics: the collector's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("metrics: the collector answered %d", resp.StatusCode)
	}
	var partial struct {
		Success struct {
			Rejected string `json:"rejectedDataPoints"`
			Message  string `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(b, &partial) == nil && partial.Success.Rejected != "" && partial.Success.Rejected != "0" {
		return fmt.Errorf("metrics: the collector took all but %.20s points: %.200q", partial.Success.Rejected, partial.Success.Message)
	}
	return nil
}
