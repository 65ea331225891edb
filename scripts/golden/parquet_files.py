"""Writes the Parquet files that src/task/parquet.test.ts reads: rows of our own in the schema of the public data sets, by
Arrow, which wrote the hub's files too. Needs pyarrow 26.0.1.

    python scripts/golden/parquet_files.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).resolve().parents[2] / "src" / "task" / "testdata"

GSM8K = [
    {"question": "Ann has 3 pens and buys 4. How many has she?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"},
    {"question": "A car costs €1,000 more than 2 bikes of €500. What does it cost?", "answer": "2 * 500 = 1000\n#### 2,000"},
    {"question": "How many legs have 5 cats?", "answer": "5 * 4 = 20\n#### 20"},
]
MMLU = [
    {"question": "Which is a noble gas?", "subject": "college_chemistry", "choices": ["Na", "Ne", "N", "Ni"], "answer": 1},
    {"question": "What does a plant cell have that an animal cell lacks?", "subject": "college_biology",
     "choices": ["a nucleus", "ribosomes", "a membrane", "a cell wall"], "answer": 3},
    {"question": "What is the charge of a proton?", "subject": "college_physics", "choices": ["+e", "-e", "0", "2e"], "answer": 0},
]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    gsm8k = pa.Table.from_pylist(GSM8K)
    mmlu = pa.Table.from_pylist(MMLU)
    pq.write_table(gsm8k, OUT / "gsm8k.parquet", compression="snappy")
    pq.write_table(mmlu, OUT / "mmlu.parquet", compression="snappy")
    # Several groups of rows, pages of the second kind, no compression, no dictionary.
    pq.write_table(gsm8k, OUT / "groups.parquet", compression="none", row_group_size=2, data_page_version="2.0", use_dictionary=False)
    pq.write_table(gsm8k, OUT / "zstd.parquet", compression="zstd")


if __name__ == "__main__":
    main()
