"""What every page and API call needs: signing in, access, forms, errors, paging, exports, charts."""
