//! Functions that make series of spans, and what is done to series (contract §2 `metrics1`).

use super::{Parser, comparison};
use crate::ast::*;
use crate::error::ParseError;
use crate::lexer::Token;

impl Parser {
    /// Passes a metrics function if one comes next.
    pub(super) fn take_first_stage(&mut self) -> Result<Option<FirstStage>, ParseError> {
        let Token::Word(word) = self.peek() else { return Ok(None) };
        let over_time = match word.as_str() {
            "compare" => return self.compare().map(Some),
            "rate" | "count_over_time" | "quantile_over_time" => None,
            "min_over_time" => Some(OverTime::Min),
            "max_over_time" => Some(OverTime::Max),
            "sum_over_time" => Some(OverTime::Sum),
            "avg_over_time" => Some(OverTime::Avg),
            "histogram_over_time" => Some(OverTime::Histogram),
            _ => return Ok(None),
        };
        let function = match over_time {
            Some(function) => self.over_time(function)?,
            None if word == "rate" => self.without_arguments(MetricsFunction::Rate)?,
            None if word == "count_over_time" => {
                self.without_arguments(MetricsFunction::CountOverTime)?
            }
            None => self.quantile()?,
        };
        let by = self.metrics_by()?;
        Ok(Some(FirstStage::Function { function, by }))
    }

    fn without_arguments(
        &mut self,
        function: MetricsFunction,
    ) -> Result<MetricsFunction, ParseError> {
        self.advance();
        self.expect_empty_parentheses()?;
        Ok(function)
    }

    fn over_time(&mut self, function: OverTime) -> Result<MetricsFunction, ParseError> {
        self.advance();
        self.expect_symbol("(")?;
        let field = self.field()?;
        self.expect_symbol(")")?;
        Ok(MetricsFunction::OverTime(function, field))
    }

    fn quantile(&mut self) -> Result<MetricsFunction, ParseError> {
        self.advance();
        self.expect_symbol("(")?;
        let field = self.field()?;
        self.expect_symbol(",")?;
        let quantiles = self.comma_separated(Self::unsigned_number)?;
        self.expect_symbol(")")?;
        Ok(MetricsFunction::QuantileOverTime(field, quantiles))
    }

    fn metrics_by(&mut self) -> Result<Vec<FieldRef>, ParseError> {
        if !self.take_word("by") {
            return Ok(Vec::new());
        }
        self.expect_symbol("(")?;
        let fields = self.comma_separated(Self::field)?;
        self.expect_symbol(")")?;
        Ok(fields)
    }

    fn compare(&mut self) -> Result<FirstStage, ParseError> {
        self.advance();
        self.expect_symbol("(")?;
        let filter = self.braces()?;
        let top = if self.take_symbol(",") { Some(self.unsigned_integer()?) } else { None };
        let range = if top.is_some() && self.take_symbol(",") {
            let start = self.unsigned_integer()?;
            self.expect_symbol(",")?;
            Some((start, self.unsigned_integer()?))
        } else {
            None
        };
        self.expect_symbol(")")?;
        Ok(FirstStage::Compare(Compare { filter, top, range }))
    }

    /// `| topk(3) > 2`, as many as there are.
    pub(super) fn second_stages(&mut self) -> Result<Vec<SecondStage>, ParseError> {
        let mut stages = Vec::new();
        loop {
            if let Some(op) = self.take_comparison() {
                let value = self.constant()?;
                stages.push(SecondStage::Threshold { op, value });
            } else if self.take_symbol("|") {
                stages.push(self.top_or_bottom()?);
            } else {
                return Ok(stages);
            }
        }
    }

    fn take_comparison(&mut self) -> Option<ComparisonOp> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        let op = comparison(symbol)?;
        self.advance();
        Some(op)
    }

    fn top_or_bottom(&mut self) -> Result<SecondStage, ParseError> {
        let make = if self.take_word("topk") {
            SecondStage::TopK
        } else if self.take_word("bottomk") {
            SecondStage::BottomK
        } else {
            return Err(self.unexpected());
        };
        self.expect_symbol("(")?;
        let limit = self.unsigned_integer()?;
        self.expect_symbol(")")?;
        Ok(make(limit))
    }

    fn unsigned_integer(&mut self) -> Result<i64, ParseError> {
        match self.peek() {
            Token::Literal(Static::Int(value)) => {
                let value = *value;
                self.advance();
                Ok(value)
            }
            _ => Err(self.unexpected_but("integer")),
        }
    }

    fn unsigned_number(&mut self) -> Result<f64, ParseError> {
        let value = match self.peek() {
            Token::Literal(Static::Int(value)) => *value as f64,
            Token::Literal(Static::Float(value)) => *value,
            _ => return Err(self.unexpected_but("number")),
        };
        self.advance();
        Ok(value)
    }
}
