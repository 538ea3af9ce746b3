"""What administrators keep: regions, departments, offices, warehouses, product lines, products.

Every row has a period; nothing is deleted, it ends.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, in_force, pk

SCHEMES = ("polyolefin", "other")


class Region(Model):
    """A sales region (区域)."""

    __tablename__ = "region"
    __table_args__ = (CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),)

    id: Mapped[int] = pk()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class Department(Model):
    """A department of the company."""

    __tablename__ = "department"
    __table_args__ = (CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),)

    id: Mapped[int] = pk()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class Office(Model):
    """A resident factory office (驻厂办)."""

    __tablename__ = "office"
    __table_args__ = (CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),)

    id: Mapped[int] = pk()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class OfficeTie(Model):
    """What a resident office is concerned with: a product line (NULL: all) in a region (NULL: all), for a period."""

    __tablename__ = "office_tie"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        Index("ix_office_tie_office_id", "office_id", "id"),
        Index(
            "uq_office_tie_open",
            "office_id",
            sql("coalesce(product_line_id, 0)"),
            sql("coalesce(region_id, 0)"),
            unique=True,
            sqlite_where=sql("to_on IS NULL"),
            postgresql_where=sql("to_on IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"))
    product_line_id: Mapped[int | None] = mapped_column(ForeignKey("product_line.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class Warehouse(Model):
    """A designated warehouse (指定库位)."""

    __tablename__ = "warehouse"
    __table_args__ = (CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),)

    id: Mapped[int] = pk()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    address: Mapped[str]
    office_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"))
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class ProductLine(Model):
    """Products managed together, under one scheme (CHEM-9.1)."""

    __tablename__ = "product_line"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        CheckConstraint("scheme IN ('polyolefin', 'other')", name="scheme"),
    )

    id: Mapped[int] = pk()
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str]
    scheme: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class Product(Model):
    """A product of a line."""

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        Index("ix_product_product_line_id", "product_line_id"),
    )

    id: Mapped[int] = pk()
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]


KINDS: dict[str, type[Region | Department | Office | Warehouse | ProductLine | Product]] = {
    "region": Region,
    "department": Department,
    "office": Office,
    "warehouse": Warehouse,
    "product_line": ProductLine,
    "product": Product,
}


def lines_on(session: Session, on: date) -> list[ProductLine]:
    """Product lines in force on a day, by code."""
    condition = in_force(ProductLine.from_on, ProductLine.to_on, on)
    return list(session.scalars(select(ProductLine).where(condition).order_by(ProductLine.code)))


def regions_on(session: Session, on: date) -> list[Region]:
    """Regions in force on a day, by code."""
    return list(session.scalars(select(Region).where(in_force(Region.from_on, Region.to_on, on)).order_by(Region.code)))
